import {
  type EventType,
  type InputOf,
  isOpenStatus,
  type LogEvent,
  type OrderSide,
  parseEvent,
  parseTopic,
  Scale,
  type TimeInForce,
} from '@depthcast/protocol';
import { amountText } from './amount.ts';
import { type Instrument, instrumentOf } from './instrument.ts';
import {
  compare,
  executed,
  type Fraction,
  fraction,
  minus,
  NaiveAccounts,
  type NaiveHoldings,
  type NaiveOrder,
  type NaivePosition,
  notional,
  over,
  plus,
  times,
  units,
  ZERO,
} from './naive-accounts.ts';
import { OrderDesk } from './order-desk.ts';
import type { PaperOrder } from './paper-order.ts';

const ACCOUNTS = ['alice', 'bob', 'carol'];
export const paperBalances = 'USD:1000,BTC:3,ETH:20';
const starting = new Map(paperBalances.split(',').map((part) => [part.slice(0, 3), fraction(part.slice(4))]));
const SECOND = 1_700_000_000;

function instrument(symbol: string, tick: string, step: string, lot: string): Instrument {
  const trading = { baseAsset: symbol.slice(0, 3), quoteAsset: symbol.slice(3), lot, minNotional: '0' };
  const [prices, sizes] = [Scale.ofStep(tick), Scale.ofStep(step)];
  return instrumentOf(symbol, prices, sizes, { ...trading, minQty: lot, maxQty: '1000000' }) as Instrument;
}

/** The second is counted in what the first trades. */
const INSTRUMENTS = [
  instrument('BTCUSD', '0.01', '0.001', '0.001'),
  instrument('ETHBTC', '0.000005', '0.05', '0.1'),
] as const;

export type Step =
  | {
      kind: 'order';
      account: number;
      id: number;
      of: number;
      side: OrderSide;
      lots: number;
      ticks: number;
      atMarket: boolean;
      tif: TimeInForce;
      refused: boolean;
      fillable: number;
    }
  | { kind: 'fill'; which: number; part: number; better: number; counter: number }
  | { kind: 'close'; which: number; expired: boolean }
  | { kind: 'clock'; seconds: number };

/** Both worlds: the desk, and the naive accounts beside it. */
export class Play {
  desk = new OrderDesk({ paperBalances });
  readonly naive = new NaiveAccounts(starting);
  readonly twins = new Map<string, NaiveOrder>();
  readonly marks = new Map<string, string>();
  readonly said = new Map<string, string>();
  readonly #differences: string[] = [];
  second = SECOND;
  fills = 0;

  run(next: Step): LogEvent[] {
    const events: LogEvent[] = [];
    const tsUs = this.second * 1_000_000 + 7;
    if (next.kind === 'clock') {
      this.second += next.seconds;
      this.marks.set('BTCUSD', String(100 + (this.second % 7)));
      this.desk.onClock(this.second, this.markOf, events);
      return events;
    }
    if (next.kind === 'order') this.#order(next, tsUs, events);
    else {
      const open = [...this.desk.openOrders()];
      const order = open[next.which % open.length];
      if (order === undefined) return [];
      if (next.kind === 'close') this.#close(order, next.expired ? 'EXPIRED' : 'CANCELLED', tsUs, events);
      else this.#fill(order, open, next, tsUs, events);
    }
    this.desk.settle(tsUs, this.markOf, events);
    return events;
  }

  markOf = (symbol: string): string => this.marks.get(symbol) ?? '';

  #order(next: Step & { kind: 'order' }, tsUs: number, events: LogEvent[]): void {
    const of = INSTRUMENTS[next.of] as Instrument;
    const { prices, sizes } = of;
    const input: InputOf<'order'> = {
      ...{ type: 'order', src: 'gateway', seq: 1, tsRecvUs: tsUs, tsEventUs: tsUs, symbol: of.symbol },
      ...{ account: ACCOUNTS[next.account] as string, orderId: `id-${next.id}`, side: next.side, tif: next.tif },
      qty: sizes.format(next.lots),
      ...(next.atMarket ? {} : { price: prices.format(next.ticks) }),
    };
    const order = this.desk.open(input, of, events);
    if (order === undefined) return;
    if (next.refused) {
      this.desk.reject(order, 'post_only', tsUs, events);
      return;
    }
    const trades = Math.floor((order.lots * next.fillable) / 100);
    const cost = of.quoteOf(next.ticks, trades);
    if (!this.desk.accept(order, of, cost, tsUs, events)) return;
    const twin: NaiveOrder = {
      ...{ account: order.account, symbol: of.symbol, base: of.base, quote: of.quote, side: order.side },
      qty: fraction(sizes.format(order.lots)),
      ...(order.ticks === undefined
        ? { cost: fraction(amountText(cost)) }
        : { price: fraction(input.price as string) }),
      fills: [],
      isOpen: true,
    };
    this.naive.orders.push(twin);
    this.twins.set(order.venueOrderId, twin);
    if (order.ticks !== undefined) return;
    if (trades > 0 && next.ticks > 0) this.#trade(order, trades, next.ticks, false, tsUs, events);
    if (isOpenStatus(order.status)) this.#close(order, 'EXPIRED', tsUs, events);
  }

  /** With the flow at some price, or at its own with a resting order of another account, when there is one. */
  #fill(order: PaperOrder, open: PaperOrder[], next: Step & { kind: 'fill' }, tsUs: number, events: LogEvent[]): void {
    const limit = order.ticks as number;
    const better = Math.floor((limit * next.better) / 100);
    const ticks = next.counter > 0 ? limit : order.side === 'BUY' ? limit - better : limit + better;
    const counter = open.find(
      (other) =>
        next.counter > 0 &&
        other.symbol === order.symbol &&
        other.account !== order.account &&
        other.side !== order.side &&
        (order.side === 'BUY' ? (other.ticks as number) <= ticks : (other.ticks as number) >= ticks),
    );
    const left = Math.min(order.lots - order.executed, counter ? counter.lots - counter.executed : Number.MAX_VALUE);
    const lots = Math.max(1, Math.floor((left * next.part) / 100));
    if (ticks === 0) return;
    this.#trade(order, lots, ticks, counter !== undefined, tsUs, events);
    if (counter !== undefined) this.#trade(counter, lots, ticks, true, tsUs, events);
  }

  #trade(order: PaperOrder, lots: number, ticks: number, paper: boolean, tsUs: number, events: LogEvent[]): void {
    const of = INSTRUMENTS.find(({ symbol }) => symbol === order.symbol) as Instrument;
    this.fills++;
    this.desk.fill(order, of, lots, ticks, paper, tsUs, events);
    const twin = this.twins.get(order.venueOrderId) as NaiveOrder;
    const [qty, price] = [fraction(of.sizes.format(lots)), fraction(of.prices.format(ticks))];
    this.naive.fill(twin, { qty, price, counterIsPaper: paper });
    twin.isOpen = isOpenStatus(order.status);
    this.marks.set(of.symbol, of.prices.format(ticks));
    const id = order.clientOrderId;
    this.#sameRounded(`${id} executed`, order.executedQty, executed(twin), 18);
    this.#sameRounded(`${id} average`, order.avgPrice, over(notional(twin), executed(twin)), of.prices.decimals + 2);
  }

  #close(order: PaperOrder, status: 'CANCELLED' | 'EXPIRED', tsUs: number, events: LogEvent[]): void {
    this.desk.close(order, status, '', tsUs, events);
    (this.twins.get(order.venueOrderId) as NaiveOrder).isOpen = false;
  }

  /** Where what is in the desk is not what the naive accounts say, or what its events have said so far. */
  check(events: LogEvent[]): string[] {
    const state: PlainState = JSON.parse(quoted(this.desk.accountsState()));
    for (const { topic, payload } of events) {
      const { type, symbol = '', account = '' } = parseTopic(topic);
      parseEvent(type as EventType, payload);
      if (type === 'account')
        for (const { asset, free, locked } of JSON.parse(quoted(payload)).balances)
          this.said.set(`${account} ${asset}`, `${free} ${locked}`);
      if (type === 'position') {
        const position = JSON.parse(quoted(payload));
        this.said.set(`${account} ${symbol}`, JSON.stringify(position));
        this.#checkPosition(account, position);
      }
    }
    const naive = this.naive.holdings(Object.keys(state.accounts));
    for (const [name, { balances, positions }] of Object.entries(state.accounts)) {
      for (const { asset, free, locked } of balances) {
        const of = `${name} ${asset}`;
        this.#same(of, `${free} ${locked}`, this.said.get(of));
        this.#same(`${of} free`, units(fraction(free)), units(naive.free.get(of) ?? ZERO));
        this.#same(`${of} locked`, units(fraction(locked)), units(naive.locked.get(of) ?? ZERO));
        this.#same(`${of} below 0`, `${free}${locked}`.includes('-'), false);
      }
      for (const position of positions) {
        const of = `${name} ${position.symbol}`;
        this.#same(of, JSON.stringify(position), this.said.get(of));
      }
    }
    this.#checkAudit(naive);
    return this.#differences;
  }

  #same(what: string, value: unknown, expected: unknown): void {
    if (value !== expected) this.#differences.push(`${what}: ${value}, not ${expected}`);
  }

  /** Halves up to so many decimals, and written as short as can be; `slack` units of 10^-18 are forgiven. */
  #sameRounded(what: string, text: string, exact: Fraction, decimals: number, slack = 0n): void {
    this.#same(`${what}, short`, text, shortest(text));
    this.#same(`${what}, decimals`, (text.split('.')[1] ?? '').length <= decimals, true);
    const difference = minus(fraction(text), exact);
    const size = difference.num < 0n ? minus(ZERO, difference) : difference;
    const allowed = { num: 10n ** BigInt(18 - decimals) + 2n * slack, den: 2n * 10n ** 18n };
    if (compare(size, allowed) > 0) this.#differences.push(`${what}: ${text}, not near ${exact.num}/${exact.den}`);
  }

  #checkPosition(account: string, position: PlainPosition): void {
    const what = `${account} ${position.symbol}`;
    const { prices } = INSTRUMENTS.find(({ symbol }) => symbol === position.symbol) as Instrument;
    const { qty, cost, realized } = this.naive.positions.get(what) as NaivePosition;
    const isShort = qty.num < 0n;
    const average = qty.num === 0n ? ZERO : over(cost, isShort ? minus(ZERO, qty) : qty);
    const worth = times(qty, fraction(this.markOf(position.symbol)));
    const unrealized = isShort ? plus(worth, cost) : minus(worth, cost);
    this.#same(`${what} qty`, units(fraction(position.qty)), units(qty));
    this.#sameRounded(`${what} average`, position.avg_price, average, prices.decimals + 2, COST_SLACK);
    this.#sameRounded(`${what} realized`, position.realized_pnl, realized, 18, COST_SLACK);
    this.#sameRounded(`${what} unrealized`, position.unrealized_pnl, unrealized, 18, COST_SLACK);
  }

  #checkAudit(naive: NaiveHoldings): void {
    for (const [asset, audit] of this.desk.audit()) {
      const held = [...this.desk.openOrders()]
        .filter(({ lockedAsset }) => lockedAsset === asset)
        .reduce((sum, { locked }) => sum + locked, 0n);
      this.#same(`${asset} in all`, audit.free + audit.locked + audit.counterparty, audit.deposited);
      this.#same(`${asset} locked`, audit.locked, held);
      this.#same(`${asset} locked by orders`, audit.lockedByOrders, held);
      this.#same(`${asset} of others`, audit.counterparty, units(naive.counterparty.get(asset) ?? ZERO));
    }
  }
}

/** A state with its numbers as text. */
interface PlainState {
  accounts: Record<string, { balances: { asset: string; free: string; locked: string }[]; positions: PlainPosition[] }>;
}
interface PlainPosition {
  symbol: string;
  qty: string;
  avg_price: string;
  realized_pnl: string;
  unrealized_pnl: string;
}

/** Units of 10^-18 that a position may be off by: half of one each time that a share of its cost was rounded. */
const COST_SLACK = 100n;

/** Numbers as text, in which they are exact. */
function quoted(json: string): string {
  return json.replace(/:(-?\d[\d.]*)/g, ':"$1"');
}

function shortest(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}
