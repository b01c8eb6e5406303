import { L2Book, shown } from '@depthcast/book';
import {
  type BookStatus,
  DepthcastError,
  type Input,
  type InputOf,
  inputTopic,
  type LogEvent,
  Scale,
} from '@depthcast/protocol';
import { clockEvent, errorEvent } from './event-writer.ts';
import { SymbolFolds } from './folds/symbol-folds.ts';
import { inputProblem, type RawInput, stampProblem } from './input-check.ts';
import { logicVersionOf, type MarketOptions, marketOptions } from './market-options.ts';
import { type MarketState, parseState, restoreSymbol, STATE_FORMAT_VERSION, symbolState } from './market-state.ts';
import { SourceLedger } from './source-ledger.ts';
import { type SymbolDefinition, SymbolMarket } from './symbol-market.ts';

/** A longer payload is refused unread. Room for 30,000 levels; Binance's deepest snapshot has 10,000. */
export const INPUT_CHARS_MAX = 1_000_000;
/** A further symbol is refused. */
export const SYMBOLS_MAX = 10_000;

/**
 * Once a clock input has given so many events, the symbols that are left have their turn with the next one: the events
 * of an input are appended as a whole, which 16,000 of them can be. Enough for 1,500 symbols each second, or 600 at
 * midnight.
 */
export const CLOCK_EVENTS_MAX = 12_000;

const US_PER_SECOND = 1_000_000;
const TOPIC_CHARS_MAX = 80;

/** One book as gateways load it (`book:<SYMBOL>`), prices and sizes in the scales' text, best first. */
export interface StoredBookState {
  readonly symbol: string;
  readonly tick: string;
  readonly step: string;
  readonly status: BookStatus;
  /** The venue's update id that the book is at. */
  readonly last: number;
  readonly tsEventUs: number;
  readonly bids: [string, string][];
  readonly asks: [string, string][];
  /** The last `market` price. */
  readonly market?: string;
}

/**
 * One partition's state machine: the same inputs give the same events, byte for byte. It knows no clock, no chance
 * and no I/O.
 *
 * Event time is moved by `clock` inputs alone, and never back. A venue's own times stand in its events' `ts_ns` as
 * they came, but drive nothing: one message dated 2100 would else silence every clock, for ever.
 *
 * The events of one input come in this order:
 * - `symbol`: `book_status`, when the symbol is new or no longer the same
 * - `feed`: `book_status`, and `error` when it went down
 * - `depth`: `book_change`, `bbo`, `market`, or `book_status` on a gap; before them `book_status` when the feed goes on
 *   that another producer had put in doubt
 * - `depth_snapshot`: that too, `book_change` (the whole, then what was buffered), `book_status`, `bbo`, `market`
 * - `quote`: `bbo`
 * - `trade`: `trade`, `market`, `anomaly` (large_trade)
 * - `clock`: `clock`, then of each symbol, in the order in which they were defined: `book_snapshot`, `kline` (from the
 *   shortest interval up; of one interval first the bars that close, then the open ones, the earlier first), `ticker`,
 *   `analytics`, `anomaly` (volume_spike, then wide_spread)
 *
 * The options are part of the state: a restored market goes on with those it was made with. Others may be laid over
 * them there, from which on its events are those options'. That is no input, so a log does not tell of it; what was
 * written under other options can no more be compared than what another version wrote, and {@link logicVersionOf}
 * names both.
 */
export class Market {
  readonly #symbols = new Map<string, SymbolMarket>();
  #sources = new SourceLedger();
  /** Event time in whole seconds. */
  #second = 0;
  #rejectedInputs = 0;
  readonly #options: MarketOptions;
  /** In the order of definition; a symbol that is defined anew keeps its place. */
  readonly #order: string[] = [];
  /** Index in {@link #order} of the symbol whose turn with the clock is next. */
  #turn = 0;

  /** @throws DepthcastError `CONFIG_INVALID` naming the option and its range. */
  constructor(options?: Partial<MarketOptions>) {
    this.#options = marketOptions(options);
  }

  /**
   * @param options laid over those of the state.
   * @throws DepthcastError `CLUSTER_MISMATCH` naming both format versions when it cannot read the state,
   *   `CONFIG_INVALID` naming the option and its range.
   */
  static restore(text: string, options?: Partial<MarketOptions>): Market {
    const state = parseState(text);
    const market = new Market({ ...state.options, ...options });
    market.#second = state.second;
    market.#rejectedInputs = state.rejectedInputs;
    market.#sources = SourceLedger.restore(state.sourcesAgeUs, state.sources);
    market.#turn = state.turn;
    for (const symbol of state.symbols) market.#add(restoreSymbol(symbol, market.#options));
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
      turn: this.#turn,
      symbols: Array.from(this.#symbols.values(), symbolState),
    };
    return JSON.stringify(state);
  }

  books(): { symbol: string; book: StoredBookState }[] {
    return Array.from(this.#symbols.values(), ({ definition: { symbol }, book, fold }) => ({
      symbol,
      book: {
        symbol,
        tick: book.priceScale.step,
        step: book.sizeScale.step,
        status: fold.status,
        last: fold.last,
        tsEventUs: fold.tsEventUs,
        bids: book.wireLevels('bid'),
        asks: book.wireLevels('ask'),
        ...(fold.market === '' ? {} : { market: fold.market }),
      },
    }));
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
    switch (input.type) {
      case 'clock':
        return this.#onClock(input);
      case 'symbol':
        return this.#onSymbol(input);
      case 'feed':
        return this.#symbol(input.symbol).onFeed(input);
      case 'depth':
        return this.#symbol(input.symbol).onDepth(input, this.#second);
      case 'depth_snapshot':
        return this.#symbol(input.symbol).onDepthSnapshot(input, this.#second);
      case 'quote':
        return this.#symbol(input.symbol).onQuote(input);
      case 'trade':
        return this.#symbol(input.symbol).onTrade(input, this.#second);
    }
  }

  #symbol(symbol: string): SymbolMarket {
    const known = this.#symbols.get(symbol);
    if (known === undefined) {
      throw new DepthcastError('INPUT_INVALID', `symbol ${shown(symbol)} is not one that a symbol input has defined`);
    }
    return known;
  }

  #onSymbol(input: InputOf<'symbol'>): LogEvent[] {
    const prices = scaleOf(input.tick, 'tick');
    const sizes = scaleOf(input.step, 'step');
    const { symbol, venue, depthRule, quotes, src } = input;
    const definition: SymbolDefinition = { symbol, venue, depthRule, quotes, src };
    const known = this.#symbols.get(symbol);
    const same =
      known !== undefined &&
      known.book.priceScale.step === prices.step &&
      known.book.sizeScale.step === sizes.step &&
      known.definition.depthRule === depthRule;
    if (same) {
      known.definition = definition;
      return [];
    }
    if (known === undefined && this.#symbols.size >= SYMBOLS_MAX) {
      throw new DepthcastError('INPUT_INVALID', `symbol ${symbol} is one more than ${SYMBOLS_MAX}`);
    }
    const fresh = new SymbolMarket(
      definition,
      new L2Book(prices, sizes),
      foldsFor(symbol, prices, sizes, this.#options, known),
    );
    if (known !== undefined) {
      fresh.fold.traded = known.fold.traded;
      fresh.fold.market = known.fold.market;
    }
    this.#add(fresh);
    return fresh.begin(input.tsRecvUs, known === undefined ? 'new symbol' : 'tick, step or depth rule changed');
  }

  /** Any producer may send a second; each counts once. */
  #onClock(input: InputOf<'clock'>): LogEvent[] {
    if (input.second <= this.#second) return [];
    this.#sources.advance((input.second - this.#second) * US_PER_SECOND);
    this.#second = input.second;
    const events = [clockEvent(this.eventTimeUs, input.second)];
    const order = this.#order;
    for (let i = 0; i < order.length; i++) {
      if (events.length >= CLOCK_EVENTS_MAX) return events;
      (this.#symbols.get(order[this.#turn] as string) as SymbolMarket).onClock(input.second, events);
      this.#turn = (this.#turn + 1) % order.length;
    }
    this.#turn = 0;
    return events;
  }

  #add(symbol: SymbolMarket): void {
    const name = symbol.definition.symbol;
    if (!this.#symbols.has(name)) this.#order.push(name);
    this.#symbols.set(name, symbol);
  }

  #reject(topic: string, problem: string): LogEvent[] {
    this.#rejectedInputs++;
    const named = topic.length > TOPIC_CHARS_MAX ? `${topic.slice(0, TOPIC_CHARS_MAX)}…` : topic;
    return [errorEvent(this.eventTimeUs, `input ${named} refused: ${problem}`)];
  }
}

function topicOf(raw: RawInput): string {
  return inputTopic({ type: raw.type as string, ...(raw.type === 'clock' ? {} : { symbol: raw.symbol as string }) });
}

/** Whether the topic is `<type>:<SYMBOL>` or `<type>` of the input; compared in place, as this runs for each. */
function namesTopic(raw: RawInput, topic: string): boolean {
  const type = raw.type as string;
  if (!topic.startsWith(type)) return false;
  if (type === 'clock') return topic === type;
  const symbol = raw.symbol as string;
  return topic.length === type.length + 1 + symbol.length && topic[type.length] === ':' && topic.endsWith(symbol);
}

/** Bars and averages outlive a new book, but not another tick or step: they count in these. */
function foldsFor(
  symbol: string,
  prices: Scale,
  sizes: Scale,
  options: MarketOptions,
  known: SymbolMarket | undefined,
): SymbolFolds {
  const { priceScale, sizeScale } = known?.book ?? {};
  if (priceScale?.step === prices.step && sizeScale?.step === sizes.step) return (known as SymbolMarket).folds;
  return new SymbolFolds(symbol, prices, sizes, options);
}

function scaleOf(step: string, field: string): Scale {
  try {
    return Scale.ofStep(step);
  } catch (error) {
    if (!(error instanceof DepthcastError)) throw error;
    throw new DepthcastError(error.code, `${field}: ${error.message}`, { cause: error });
  }
}
