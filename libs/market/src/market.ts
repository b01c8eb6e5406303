import { shown } from '@depthcast/book';
import { DepthcastError, type Input, type InputOf, inputTopic, type LogEvent } from '@depthcast/protocol';
import { OrderDesk, type OrderDeskMemory } from './accounts/order-desk.ts';
import type { AssetAudit } from './accounts/paper-accounts.ts';
import { clockEvent, errorEvent } from './event-writer.ts';
import type { RawInput } from './field-check.ts';
import { inputProblem, stampProblem } from './input-check.ts';
import { logicVersionOf, type MarketOptions, marketOptions } from './market-options.ts';
import { type MarketState, parseState, restoreSymbol, STATE_FORMAT_VERSION, symbolState } from './market-state.ts';
import { SourceLedger } from './source-ledger.ts';
import type { StoredBookState } from './symbol-definition.ts';
import { SymbolTable } from './symbol-table.ts';

/** A longer payload is refused unread. Room for 30,000 levels; Binance's deepest snapshot has 10,000. */
export const INPUT_CHARS_MAX = 1_000_000;

const US_PER_SECOND = 1_000_000;
const TOPIC_CHARS_MAX = 80;

/**
 * One partition's state machine: the same inputs give the same events, byte for byte. It knows no clock, no chance
 * and no I/O.
 *
 * Event time is moved by `clock` inputs alone, and never back. A venue's own times stand in its events' `ts_ns` as
 * they came, but drive nothing: one message dated 2100 would else silence every clock, for ever.
 *
 * The events of one input come in this order:
 * - `symbol`: `symbol` when it is new or has changed, `book_status` when its book begins anew, and then before both
 *   `order_update` and `order_state` of the orders that this ends
 * - `feed`: `book_status`, and `error` when it went down; `error` alone when the venue stays away. `up` of a matched symbol: `book_status` (buffering),
 *   `book_change` (the whole), `book_orders`, `book_status` (synced), `bbo`, `market`
 * - `depth`: `book_change`, `bbo`, `market`, or `book_status` on a gap; before them `book_status` when the feed goes on
 *   that another producer had put in doubt
 * - `depth_snapshot`: that too, `book_change` (the whole, then what was buffered), `book_status`, `bbo`, `market`
 * - `quote`: `bbo`
 * - `trade`: `trade`, `market`, `anomaly` (large_trade); then of each paper order that it fills `fill`, `order_update`,
 *   `order_state`
 * - `order`, `cancel`, `amend` of a matched symbol: `order_update` and `order_state` (ACCEPTED or CANCELLED); of each
 *   match `trade`, `book_order` (F), and of the taker, then the maker, where they are accounts', `fill`, `order_update`,
 *   `order_state`; `book_order` of what rests or has left, or `order_update` and `order_state` (EXPIRED); then
 *   `book_change`, `bbo`, `market`, `anomaly` (large_trade)
 * - `order` and `cancel` of other symbols: what of that is the account's
 * - after each of these, of each account that it touched: `account`, `position`
 * - `clock`: `clock`, then of each symbol, in the order in which they were defined: `book_status` and `error` when its
 *   producer has gone without a word, `book_snapshot`, `kline` (from the
 *   shortest interval up; of one interval first the bars that close, then the open ones, the earlier first), `ticker`,
 *   `analytics`, `anomaly` (volume_spike, then wide_spread); then `position`
 *
 * The options are part of the state: a restored market goes on with those it was made with. Others may be laid over
 * them there, from which on its events are those options'. That is no input, so a log does not tell of it; what was
 * written under other options can no more be compared than what another version wrote, and {@link logicVersionOf}
 * names both.
 */
export class Market {
  readonly #options: MarketOptions;
  readonly #desk: OrderDesk;
  readonly #symbols: SymbolTable;
  #sources = new SourceLedger();
  /** Event time in whole seconds. */
  #second = 0;
  #rejectedInputs = 0;
  readonly #isSilent = (src: string): boolean => this.#sources.isSilent(src);
  readonly #markOf = (symbol: string): string => this.#symbols.find(symbol)?.fold.market ?? '';

  /**
   * @param memory of a state: for {@link Market.restore}.
   * @throws DepthcastError `CONFIG_INVALID` naming the option and its range.
   */
  constructor(options?: Partial<MarketOptions>, memory?: { readonly desk: OrderDeskMemory; readonly turn: number }) {
    this.#options = marketOptions(options);
    this.#desk = new OrderDesk(this.#options, memory?.desk);
    this.#symbols = new SymbolTable(this.#options, this.#desk, memory?.turn);
  }

  /**
   * @param options laid over those of the state.
   * @throws DepthcastError `CLUSTER_MISMATCH` naming both format versions when it cannot read the state,
   *   `CONFIG_INVALID` naming the option and its range.
   */
  static restore(text: string, options?: Partial<MarketOptions>): Market {
    const state = parseState(text);
    const market = new Market({ ...state.options, ...options }, state);
    market.#second = state.second;
    market.#rejectedInputs = state.rejectedInputs;
    market.#sources = SourceLedger.restore(state.sourcesAgeUs, state.sources, state.sourcesClocks);
    for (const symbol of state.symbols) market.#symbols.add(restoreSymbol(symbol, market.#options, market.#desk));
    return market;
  }

  /** What this market's events may be compared with. */
  get logicVersion(): string {
    return logicVersionOf(this.#options);
  }

  get eventTimeUs(): number {
    return this.#second * US_PER_SECOND;
  }

  get rejectedInputs(): number {
    return this.#rejectedInputs;
  }

  /** Everything, as text. `Market.restore` of it goes on with the same bytes. */
  snapshot(): string {
    const state: MarketState = {
      formatVersion: STATE_FORMAT_VERSION,
      logicVersion: this.logicVersion,
      options: this.#options,
      second: this.#second,
      rejectedInputs: this.#rejectedInputs,
      sourcesAgeUs: this.#sources.ageUs,
      sources: this.#sources.memory(),
      sourcesClocks: this.#sources.clocks,
      desk: this.#desk.memory(),
      turn: this.#symbols.turn,
      symbols: Array.from(this.#symbols.all(), symbolState),
    };
    return JSON.stringify(state);
  }

  books(): { symbol: string; book: StoredBookState }[] {
    return Array.from(this.#symbols.all(), (symbol) => ({ symbol: symbol.symbol, book: symbol.stored() }));
  }

  /** All accounts as JSON, for a gateway that joins late: see `OrderDesk.accountsState`. */
  accountsState(): string {
    return this.#desk.accountsState();
  }

  /** Of each asset where it is: between two inputs `free + locked + counterparty === deposited`. */
  audit(): Map<string, AssetAudit> {
    return this.#desk.audit();
  }

  /**
   * One inbox entry. What cannot be understood gives one `error` event that says why, is counted, and changes
   * nothing else, except that its (src, seq), where they can be read, count as seen.
   */
  applyEntry(topic: string, payload: string): LogEvent[] {
    if (payload.length > INPUT_CHARS_MAX) {
      return this.#reject(topic, `payload of ${payload.length} characters is beyond ${INPUT_CHARS_MAX}`);
    }
    let input: unknown;
    try {
      input = JSON.parse(payload);
    } catch {
      return this.#reject(topic, `payload ${shown(payload)} is not JSON`);
    }
    if (typeof input !== 'object' || input === null || Array.isArray(input)) {
      return this.#reject(topic, `payload ${shown(input)} is not an object`);
    }
    return this.#apply(topic, input as RawInput);
  }

  /** Each (src, seq) has an effect once; a refused input is an `error` event, as in {@link applyEntry}. */
  apply(input: Input): LogEvent[] {
    return this.#apply(topicOf(input), input);
  }

  #apply(topic: string, raw: RawInput): LogEvent[] {
    if (stampProblem(raw) === undefined && !this.#sources.accept(raw.src as string, raw.seq as number)) return [];
    const problem = inputProblem(raw);
    if (problem !== undefined) return this.#reject(topic, problem);
    if (!namesTopic(raw, topic)) return this.#reject(topic, `topic is not the input's, ${shown(topicOf(raw))}`);
    try {
      return this.#dispatch(raw as unknown as Input);
    } catch (error) {
      // Every handler reads its input before it changes anything. What else might be thrown is a defect of ours,
      // and must stop the engine rather than leave a state that cannot be replayed.
      if (error instanceof DepthcastError) return this.#reject(topic, error.message);
      throw error;
    }
  }

  #dispatch(input: Input): LogEvent[] {
    const symbols = this.#symbols;
    switch (input.type) {
      case 'order':
        return this.#onOrder(input);
      case 'cancel':
        return this.#onCancel(input);
      case 'amend':
        return this.#settled(input.tsEventUs, symbols.matched(input.symbol).onAmend(input, this.#second));
      case 'clock':
        return this.#onClock(input);
      case 'symbol':
        return this.#settled(input.tsRecvUs, symbols.define(input));
      case 'feed':
        return symbols.get(input.symbol).onFeed(input, this.#second);
      case 'depth':
        return symbols.levels(input.symbol).onDepth(input, this.#second);
      case 'depth_snapshot':
        return symbols.levels(input.symbol).onDepthSnapshot(input, this.#second);
      case 'quote':
        return symbols.levels(input.symbol).onQuote(input);
      case 'trade':
        return this.#settled(input.tsEventUs, symbols.levels(input.symbol).onTrade(input, this.#second));
    }
  }

  #onOrder(input: InputOf<'order'>): LogEvent[] {
    const { account, tsEventUs } = input;
    if (account === undefined) {
      return this.#settled(tsEventUs, this.#symbols.matched(input.symbol).onFlowOrder(input, this.#second));
    }
    const events: LogEvent[] = [];
    const symbol = this.#symbols.find(input.symbol);
    const instrument = symbol?.defined.instrument;
    const order = this.#desk.open(input, instrument ?? (symbol ? 'symbol_not_tradable' : 'symbol_unknown'), events);
    if (order && instrument) symbol?.onOrder(order, instrument, input, this.#second, events);
    return this.#settled(tsEventUs, events);
  }

  #onCancel(input: InputOf<'cancel'>): LogEvent[] {
    const { account, orderId, symbol = '', tsEventUs } = input;
    if (account === undefined) return this.#symbols.matched(symbol).onFlowCancel(input, this.#second);
    const events: LogEvent[] = [];
    const order = this.#desk.find(account, orderId);
    if (order === undefined) this.#desk.refuseCancel(input, events);
    else this.#symbols.get(order.symbol).onCancel(order, input, this.#second, events);
    return this.#settled(tsEventUs, events);
  }

  /** Any producer may send a second; each counts once. */
  #onClock(input: InputOf<'clock'>): LogEvent[] {
    if (input.second <= this.#second) return [];
    this.#sources.advance((input.second - this.#second) * US_PER_SECOND);
    this.#second = input.second;
    const events = [clockEvent(this.eventTimeUs, input.second)];
    this.#symbols.onClock(input.second, this.#isSilent, events);
    this.#desk.onClock(input.second, this.#markOf, events);
    return events;
  }

  /** With what the accounts that the input touched have then. */
  #settled(tsUs: number, events: LogEvent[]): LogEvent[] {
    this.#desk.settle(tsUs, this.#markOf, events);
    return events;
  }

  #reject(topic: string, problem: string): LogEvent[] {
    this.#rejectedInputs++;
    const named = topic.length > TOPIC_CHARS_MAX ? `${topic.slice(0, TOPIC_CHARS_MAX)}…` : topic;
    return [errorEvent(this.eventTimeUs, `input ${named} refused: ${problem}`)];
  }
}

function topicOf(raw: RawInput): string {
  const symbol = raw.symbol as string | undefined;
  return inputTopic({ type: raw.type as string, ...(raw.type === 'clock' || symbol === undefined ? {} : { symbol }) });
}

/** Whether the topic is `<type>:<SYMBOL>` or `<type>` of the input; compared in place, as this runs for each. */
function namesTopic(raw: RawInput, topic: string): boolean {
  const type = raw.type as string;
  if (!topic.startsWith(type)) return false;
  const symbol = raw.symbol as string | undefined;
  if (type === 'clock' || symbol === undefined) return topic === type;
  return topic.length === type.length + 1 + symbol.length && topic[type.length] === ':' && topic.endsWith(symbol);
}
