import { createHash } from 'node:crypto';
import { inputSchema, type UnstampedInput } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import { Prng } from './prng.ts';
import { SimulatedMarket, type SimulatedMarketOptions } from './simulated-market.ts';

const START_US = 1_767_225_600_123_456;
const SECOND_US = 1_000_000;
const OPTIONS: SimulatedMarketOptions = { symbols: ['BTCUSD', 'ETHUSD', 'ADAUSD'], seed: 42, ratePerSecond: 5_000 };

/** Everything that a market gives from its start for so long, asked for at moments `timers` decides. */
function run(
  options: SimulatedMarketOptions,
  forUs: number,
  timers: () => number,
  startUs = START_US,
): UnstampedInput[] {
  const inputs: UnstampedInput[] = [];
  // A copy: inputs must not change after they were given.
  const emit = (input: UnstampedInput): void => void inputs.push({ ...input });
  const market = new SimulatedMarket(options);
  market.start(startUs, emit);
  for (let nowUs = startUs; nowUs < startUs + forUs; ) {
    nowUs = Math.min(startUs + forUs, nowUs + timers());
    market.advance(nowUs, emit);
  }
  return inputs;
}

const everyMs = (): number => 1_000;
const hash = (inputs: UnstampedInput[]): string => createHash('sha256').update(JSON.stringify(inputs)).digest('hex');
const timesOf = (inputs: readonly UnstampedInput[]): number[] => inputs.map(({ tsRecvUs }) => tsRecvUs);
const goBack = (inputs: readonly UnstampedInput[]): boolean =>
  timesOf(inputs).some((us, i, all) => us < (all[i - 1] ?? 0));
const orderInputs = (inputs: readonly UnstampedInput[]): UnstampedInput[] =>
  inputs.filter(({ type }) => type === 'order' || type === 'cancel' || type === 'amend');

describe('a simulated market', () => {
  it.each([undefined, 1, 5_000, 50_000])(
    'gives the same bytes for the same seed, start and rate (%p), whenever timers fire',
    (ratePerSecond) => {
      const options = { ...OPTIONS, ratePerSecond };
      const forUs = 1_500_000;
      const random = new Prng('timers');
      const given = hash(run(options, forUs, everyMs));
      expect(hash(run(options, forUs, () => random.integer(1, 99_000)))).toBe(given);
      expect(hash(run({ ...options, seed: 43 }, forUs, everyMs))).not.toBe(given);
      expect(hash(run(options, forUs, everyMs, START_US + 1))).not.toBe(given);
    },
  );

  it('sends the n-th order n / rate after its start, one symbol’s update after the other’s', () => {
    const inputs = run(OPTIONS, 4 * SECOND_US, everyMs);
    const opening = inputs.findIndex((input) => input.tsRecvUs > START_US);
    const sent = orderInputs(inputs.slice(opening));
    expect(sent).toHaveLength(20_000);
    expect(timesOf(sent)).toEqual(sent.map((_, i) => START_US + (i + 1) * 200));
    expect(
      sent.every((input) => (input.type === 'order' && input.tsEventUs === input.tsRecvUs) || input.type !== 'order'),
    ).toBe(true);
    const turns = sent.map((input) => (input as { symbol: string }).symbol).filter((s, i, all) => s !== all[i - 1]);
    expect(turns.slice(0, 9)).toEqual([...OPTIONS.symbols, ...OPTIONS.symbols, ...OPTIONS.symbols]);
    expect(turns.every((symbol, i) => symbol === OPTIONS.symbols[i % 3])).toBe(true);
    const problems = inputs.map((input, i) => inputSchema.safeParse({ ...input, src: 'test', seq: i + 1 }).error);
    expect(problems.filter((problem) => problem !== undefined)).toEqual([]);
    const ids = inputs.flatMap((input) => (input.type === 'order' ? [input.orderId] : []));
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.every((id) => /^[abc]\d{1,6}$/.test(id))).toBe(true);
  });

  it('moves each symbol every 300 ms unless told otherwise, a small burst at one time', () => {
    const inputs = run({ ...OPTIONS, ratePerSecond: undefined }, 30 * SECOND_US, everyMs);
    const opening = inputs.findIndex((input) => input.tsRecvUs > START_US);
    const sent = orderInputs(inputs.slice(opening));
    expect(sent.length).toBeLessThan(2_500);
    for (const [i, symbol] of OPTIONS.symbols.entries()) {
      const times = new Set(timesOf(sent.filter((input) => (input as { symbol: string }).symbol === symbol)));
      expect([...times]).toEqual(Array.from({ length: 100 }, (_, n) => START_US + n * 300_000 + (i + 1) * 100_000));
    }
  });

  it.each([undefined, 1, 3, 50_000])(
    'says each second at its place among the orders, at any rate (%p)',
    (ratePerSecond) => {
      const inputs = run({ ...OPTIONS, ratePerSecond }, 3 * SECOND_US, everyMs);
      const clocks = inputs.filter((input) => input.type === 'clock');
      const first = Math.ceil(START_US / SECOND_US);
      expect(clocks.map(({ second }) => second)).toEqual([0, 1, 2].map((n) => first + n));
      expect(timesOf(clocks)).toEqual(clocks.map(({ second }) => second * SECOND_US));
      expect(goBack(inputs)).toBe(false);
    },
  );

  it('is due when its next order or second is', () => {
    const market = new SimulatedMarket({ ...OPTIONS, ratePerSecond: 1 });
    market.start(START_US, () => {});
    const firstSecondUs = Math.ceil(START_US / SECOND_US) * SECOND_US;
    expect(market.nextDueUs).toBe(firstSecondUs);
    market.advance(firstSecondUs, () => {});
    expect(market.nextDueUs).toBe(START_US + SECOND_US);
  });

  it('after a stall makes up 100 ms of orders and the newest second, in order', () => {
    const inputs: UnstampedInput[] = [];
    const market = new SimulatedMarket(OPTIONS);
    market.start(START_US, () => {});
    market.advance(START_US + 60 * SECOND_US, (input) => inputs.push(input));
    expect(orderInputs(inputs)).toHaveLength(501);
    expect(inputs.filter(({ type }) => type === 'clock')).toMatchObject([
      { second: Math.floor(START_US / SECOND_US) + 60 },
    ]);
    expect(goBack(inputs)).toBe(false);
  });

  it('begins any of its books anew in the midst of an update, without sending an order twice', () => {
    const market = new SimulatedMarket(OPTIONS);
    const random = new Prng('resyncs');
    const books = new Map(OPTIONS.symbols.map((symbol) => [symbol, new Set<string>()]));
    let reused = 0;
    let begun = 0;
    const emit = (input: UnstampedInput): void => {
      const book = books.get((input as { symbol: string }).symbol);
      if (input.type === 'feed') {
        book?.clear();
        begun++;
      }
      if (input.type === 'order' && book?.has(input.orderId)) reused++;
      if (input.type === 'order') book?.add(input.orderId);
      if (input.type === 'cancel') book?.delete(input.orderId);
    };
    market.start(START_US, emit);
    for (let nowUs = START_US; nowUs < START_US + SECOND_US; nowUs += 200) {
      market.advance(nowUs, emit);
      if (random.unit() < 0.02) market.begin('again', emit, new Set([OPTIONS.symbols[random.integer(0, 2)] as string]));
    }
    expect(begun).toBeGreaterThan(50);
    expect(reused).toBe(0);
    // Whatever was sent and has traded is cancelled some time, and what was forgotten has left with `feed` up.
    for (const book of books.values()) expect(book.size).toBeLessThan(1_200);
  });

  it('of a thousand symbols begins with no more than the queue to the inbox holds', () => {
    const symbols = Array.from({ length: 1_000 }, (_, i) => `S${i}USD`);
    const ids = new Set<string>();
    let opening = 0;
    let orders = 0;
    const market = new SimulatedMarket({ symbols, seed: 1 });
    market.start(START_US, (input) => {
      opening++;
      if (input.type !== 'order') return;
      orders++;
      ids.add(input.orderId);
    });
    expect(opening).toBeLessThan(80_000);
    expect(orders).toBeGreaterThan(50_000);
    expect(ids.size).toBe(orders);
  });
});
