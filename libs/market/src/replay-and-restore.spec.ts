import type { WireLevel } from '@depthcast/book';
import {
  DepthcastError,
  type EventType,
  type Input,
  inputTopic,
  parseEvent,
  parseTopic,
  type TimeInForce,
} from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Market } from './market.ts';
import type { MarketOptions } from './market-options.ts';
import { STATE_FORMAT_VERSION } from './market-state.ts';
import { SCRIPT_SECOND, ScriptedInputs } from './scripted-inputs.ts';

type Who = 'ann' | 'bob' | undefined;

type Step =
  | { kind: 'symbol'; tick: string; quotes: boolean; usdm: boolean }
  | { kind: 'depth'; skip: number; span: number; back: number; bids: WireLevel[]; asks: WireLevel[] }
  | { kind: 'snapshot'; age: number; bids: WireLevel[]; asks: WireLevel[] }
  | { kind: 'feed'; up: boolean; retries: number | undefined }
  | { kind: 'quote'; id: number; price: number }
  | { kind: 'trade'; trades: { price: number; qty: string; side: 'BUY' | 'SELL'; aheadMs: number }[] }
  | {
      kind: 'order';
      who: Who;
      id: number;
      side: 'BUY' | 'SELL';
      price: number | undefined;
      qty: number;
      tif: TimeInForce;
    }
  | { kind: 'cancel'; who: Who; id: number }
  | { kind: 'amend'; id: number; price: number; qty: number }
  | { kind: 'clock'; seconds: number }
  | { kind: 'again' | 'nonsense' };

const level = fc
  .tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 0, max: 3 }))
  .map(([price, size]): WireLevel => [`${price}.5`, String(size)]);
const levels = fc.array(level, { maxLength: 4 });
const constant = <T extends string>(kind: T) => fc.constant(kind);

const trade = fc.record({
  price: fc.integer({ min: 1, max: 9 }),
  qty: fc.constantFrom('0', '1', '1', '2', '40', '9007199254740991'),
  side: fc.constantFrom('BUY' as const, 'SELL' as const),
  aheadMs: fc.constantFrom(0, 0, 300, -1_500, -70_000, 9_000, 1e9),
});

const who = fc.constantFrom<Who[]>(undefined, undefined, 'ann', 'bob');
const id = fc.nat(15);
const price = fc.integer({ min: 10, max: 14 });
const qty = fc.integer({ min: 1, max: 4 });

const step: fc.Arbitrary<{ of: number; step: Step }> = fc.record({
  of: fc.constantFrom(0, 1, 2, 2),
  step: fc.oneof(
    {
      weight: 1,
      arbitrary: fc.record({
        kind: constant('symbol'),
        tick: fc.constantFrom('0.5', '0.5', '0.5', '0.1'),
        quotes: fc.boolean(),
        usdm: fc.boolean(),
      }),
    },
    {
      weight: 9,
      arbitrary: fc.record({
        kind: constant('depth'),
        skip: fc.constantFrom(0, 0, 0, 0, 2),
        span: fc.integer({ min: 0, max: 2 }),
        back: fc.constantFrom(0, 0, 0, 3),
        bids: levels,
        asks: levels,
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: constant('snapshot'),
        age: fc.integer({ min: 0, max: 4 }),
        bids: levels,
        asks: levels,
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: constant('feed'),
        up: fc.constantFrom(true, true, false),
        retries: fc.constantFrom(undefined, 2),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: constant('quote'),
        id: fc.integer({ min: 0, max: 9 }),
        price: fc.integer({ min: 1, max: 9 }),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({ kind: constant('trade'), trades: fc.array(trade, { maxLength: 6 }) }),
    },
    {
      weight: 24,
      arbitrary: fc.record({
        kind: constant('order'),
        who,
        id,
        side: fc.constantFrom('BUY' as const, 'SELL' as const),
        price: fc.option(price, { nil: undefined, freq: 5 }),
        qty,
        tif: fc.constantFrom<TimeInForce[]>('GTC', 'GTC', 'GTC', 'IOC', 'FOK'),
      }),
    },
    { weight: 3, arbitrary: fc.record({ kind: constant('cancel'), who, id }) },
    { weight: 2, arbitrary: fc.record({ kind: constant('amend'), id, price, qty }) },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: constant('clock'),
        seconds: fc.constantFrom(-1, 0, 1, 1, 1, 30, 61, 4_000, 50_000),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('again' as const, 'nonsense' as const) }) },
  ),
});

const TRADING = { baseAsset: 'BTC', quoteAsset: 'USD', lot: '1', minQty: '1', maxQty: '3', minNotional: '0' };

/** The steps as inbox entries: two symbols of venues and one that is matched, with everything that may go wrong. */
function entriesOf(steps: { of: number; step: Step }[]): [string, string][] {
  const producers = ['BTCUSD', 'ETHUSD.P', 'SIMUSD'].map((name, i) => new ScriptedInputs('abc'[i], name));
  const last = [10, 10, 10];
  const define = (of: number, tick: string, quotes: boolean, usdm: boolean) => {
    const venueRule = usdm ? ('usdm' as const) : ('spot' as const);
    const depthRule = of === 2 ? ('matched' as const) : venueRule;
    return (producers[of] as ScriptedInputs).symbol({ tick, step: '1', quotes, depthRule, trading: TRADING });
  };
  let second = SCRIPT_SECOND;
  const entries: [string, string][] = [];
  const push = (input: Input) => entries.push([inputTopic(input as { type: string }), JSON.stringify(input)]);
  for (const of of producers.keys()) push(define(of, '0.5', false, false));
  push((producers[2] as ScriptedInputs).feed('up'));
  for (const { of, step: next } of steps) {
    const inputs = producers[of] as ScriptedInputs;
    const tail = last[of] as number;
    if (next.kind === 'symbol') push(define(of, next.tick, next.quotes, next.usdm));
    else if (next.kind === 'order') {
      const limit = next.price === undefined ? undefined : `${next.price}.5`;
      push(inputs.order(`o${next.id}`, next.side, `${next.qty}`, limit, { tif: next.tif, account: next.who }));
    } else if (next.kind === 'cancel') push(inputs.cancel(`o${next.id}`, { account: next.who }));
    else if (next.kind === 'amend') push(inputs.amend(`o${next.id}`, `${next.qty}`, `${next.price}.5`));
    else if (next.kind === 'feed')
      push(inputs.feed(next.up ? 'up' : 'down', 'scripted', next.up ? undefined : next.retries));
    else if (next.kind === 'quote')
      push(inputs.quote(next.id, { bidPrice: `${next.price}.5`, bidQty: '1', askPrice: '20', askQty: '2' }));
    else if (next.kind === 'trade')
      for (const { price, qty, side, aheadMs } of next.trades)
        push(inputs.trade(1, `${price}.5`, qty, side, second * 1_000_000 + aheadMs * 1_000));
    else if (next.kind === 'snapshot') push(inputs.snapshot(tail - next.age, next.bids, next.asks));
    else if (next.kind === 'depth') {
      const first = tail + 1 + next.skip - next.back;
      last[of] = Math.max(tail, first + next.span);
      push(inputs.depth(first, first + next.span, next.bids, next.asks, first - 1));
    } else if (next.kind === 'clock') {
      second += next.seconds;
      push(inputs.clock(second));
    } else if (next.kind === 'again') entries.push(entries.at(-2) as [string, string]);
    else entries.push(['depth:BTCUSD', '{"src":"c","seq":1,"type":"depth"']);
  }
  return entries;
}

/** Detectors that soon speak, and accounts that soon have nothing left. */
const ALERT: Partial<MarketOptions> = {
  paperBalances: 'USD:60,BTC:4',
  volumeSpikeFactor: 1.5,
  volumeSpikeTradesMin: 1,
  volumeSpikeWindowSeconds: 5,
  volumeSpikeWarmupSeconds: 2,
  wideSpreadBps: 500,
  wideSpreadWarmupSeconds: 1,
  largeTradeFactor: 1,
  largeTradeQuantile: 0.5,
  largeTradeWarmupTrades: 3,
  anomalyCalmSeconds: 2,
};

function run(market: Market, entries: [string, string][]): string {
  return entries
    .flatMap(([topic, payload]) => market.applyEntry(topic, payload))
    .map((e) => `${e.topic} ${e.payload}\n`)
    .join('');
}

const everyInbox = fc.array(step, { minLength: 10, maxLength: 120, size: 'max' }).map(entriesOf);

describe('the same inbox', () => {
  it('gives the same log, the same state and the same books, byte for byte', () => {
    fc.assert(
      fc.property(everyInbox, (entries) => {
        const [one, two] = [new Market(ALERT), new Market(ALERT)];
        expect(run(one, entries)).toBe(run(two, entries));
        expect(one.snapshot()).toBe(two.snapshot());
        expect(one.books()).toEqual(two.books());
        expect(one.accountsState()).toBe(two.accountsState());
      }),
      { numRuns: 50 },
    );
  });

  it('goes on from a restored state as if there had been no stop, wherever it is cut', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(everyInbox, fc.double({ min: 0, max: 1, noNaN: true }), (entries, part) => {
        const cut = Math.floor(entries.length * part);
        const whole = new Market(ALERT);
        run(whole, entries.slice(0, cut));
        const state = whole.snapshot();
        const restored = Market.restore(state);
        expect(restored.snapshot()).toBe(state);
        expect(restored.books()).toEqual(whole.books());
        expect(restored.accountsState()).toBe(whole.accountsState());
        expect(restored.audit()).toEqual(whole.audit());
        const rest = run(whole, entries.slice(cut));
        expect(run(restored, entries.slice(cut))).toBe(rest);
        expect(restored.snapshot()).toBe(whole.snapshot());
        expect([restored.eventTimeUs, restored.rejectedInputs]).toEqual([whole.eventTimeUs, whole.rejectedInputs]);
        for (const word of rest.match(
          /^order_update:\w+|"status":"\w+"|"reason":"\w+"|"is_snapshot":\w+|"kind":"\w+"|"closed":\w+|"trades":0|^\w+/gm,
        ) ?? [])
          seen.add(word);
      }),
      { numRuns: 200 },
    );
    // The inboxes have to reach everything for this to mean something.
    for (const word of [
      '"status":"gap"',
      '"status":"stale"',
      '"status":"synced"',
      '"is_snapshot":false',
      'book_snapshot',
      'bbo',
      'error',
      '"closed":false',
      '"closed":true',
      '"trades":0',
      'ticker',
      'analytics',
      '"kind":"volume_spike"',
      '"kind":"wide_spread"',
      '"kind":"large_trade"',
      ...['order_update:BTCUSD', 'order_update:ETHUSD', 'order_update:SIMUSD', 'fill', 'position', 'account', 'symbol'],
      ...['"status":"FILLED"', '"status":"CANCELLED"', '"status":"EXPIRED"', '"reason":"symbol_changed"'],
      ...['"reason":"self_trade"', '"reason":"insufficient_balance"', 'book_order', 'book_orders'],
    ]) {
      expect(seen).toContain(word);
    }
  });
});

it('every event of every inbox is one of its type; after every input all that there is of an asset is somewhere', () => {
  fc.assert(
    fc.property(everyInbox, (entries) => {
      const market = new Market(ALERT);
      for (const [topic, payload] of entries) {
        for (const event of market.applyEntry(topic, payload)) {
          parseEvent(parseTopic(event.topic).type as EventType, event.payload);
        }
        for (const { free, locked, lockedByOrders, counterparty, deposited } of market.audit().values()) {
          expect([free + locked + counterparty, locked]).toEqual([deposited, lockedByOrders]);
        }
      }
    }),
    { numRuns: 50 },
  );
});

describe('a state of another kind is refused', () => {
  const error = (text: string): DepthcastError => {
    try {
      Market.restore(text);
    } catch (thrown) {
      return thrown as DepthcastError;
    }
    throw new Error('it was accepted');
  };

  it('naming both format versions', () => {
    const other = new Market().snapshot().replace(`"formatVersion":${STATE_FORMAT_VERSION}`, '"formatVersion":999');
    expect(error(other)).toBeInstanceOf(DepthcastError);
    expect(error(other).message).toBe(`engine state has format version 999, this engine reads ${STATE_FORMAT_VERSION}`);
  });

  it.each(['', 'null', '[]', '{', '7'])('%p', (text) => expect(error(text)).toBeInstanceOf(DepthcastError));
});
