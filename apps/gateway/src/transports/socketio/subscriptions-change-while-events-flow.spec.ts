import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { Partitions } from '../../partitions/partitions.ts';
import { EPOCH, gatewayOf, newLog, TINY } from '../../testing/memory-gateway.ts';
import { MemorySink, settle } from '../../testing/memory-sink.ts';
import { SocketSession } from './socket-session.ts';

const SYMBOLS = ['A', 'B', 'C'];
const BOOK = '"is_snapshot":true,"first":1,"last":1,"bids":[["1.0","1"]],"asks":[["2.0","1"]]';
const streamOf = (symbol: string) => `${symbol}:TRADES`;

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('trade' as const),
      symbols: fc.array(fc.constantFrom(...SYMBOLS), { maxLength: 30 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('subscribe' as const, 'unsubscribe' as const),
      symbols: fc.subarray(SYMBOLS, { minLength: 1 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom('stall' as const, 'resume' as const, 'ready' as const, 'settle' as const),
    }),
  },
);

describe('one connection whose subscriptions change while events flow', () => {
  it('is given each event of a stream once and in order, from its subscription to its end, slow or not', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const log = newLog(0);
        for (const symbol of SYMBOLS)
          log.append(`book_change:${symbol}`, `{"symbol":"${symbol}","ts_ns":1000,${BOOK}}`);
        const warnings: string[] = [];
        const gateway = gatewayOf(log, { ...TINY, bytesMax: 4_000_000, entriesMax: 5_000 }, warnings);
        await settle();
        const sink = new MemorySink();
        const session = new SocketSession({
          partitions: new Partitions([gateway]),
          sink,
          chain: true,
          resume: undefined,
          streamsMax: 100,
          intervalMsDefault: 0,
        });
        const last = new Map<string, number>();
        const wanted = new Set<string>();
        const trade = (symbol: string) => {
          const n = (last.get(symbol) ?? 0) + 1;
          last.set(symbol, n);
          log.append(`trade:${symbol}`, `{"of":"${symbol}","n":${n}}`);
          log.append(`bbo:${symbol}`, `{"symbol":"${symbol}","n":${n}}`);
        };
        for (const [i, action] of steps.entries()) {
          if (action.do === 'trade') for (const symbol of action.symbols) trade(symbol);
          else if (action.do === 'ready') session.ready();
          else if (action.do === 'stall') sink.stalled = true;
          else if (action.do === 'resume') sink.resume();
          else if (action.do === 'settle') await settle();
          else if ('symbols' in action) {
            const streams = action.symbols.map(streamOf);
            if (action.do === 'subscribe') session.subscribe({ streams, intervalMs: 0 });
            else session.unsubscribe(streams);
            for (const symbol of action.symbols) wanted[action.do === 'subscribe' ? 'add' : 'delete'](symbol);
          }
          if (i % 4 === 0) await settle(3);
        }
        sink.resume();
        await settle(60);
        const mark = new Map(last);
        for (const symbol of SYMBOLS) trade(symbol);
        await settle(60);
        const got = new Map<string, number[]>(SYMBOLS.map((symbol) => [symbol, []]));
        for (const { event, data } of sink.frames('packets')) {
          if (event !== 'trade') continue;
          const { of, n } = JSON.parse(data ?? '') as { of: string; n: number };
          got.get(of)?.push(n);
        }
        const isAsked = (what: 'subscribe' | 'unsubscribe', symbol: string) =>
          steps.some((action) => action.do === what && 'symbols' in action && action.symbols.includes(symbol));
        for (const [symbol, numbers] of got) {
          const isWanted = wanted.has(symbol);
          // Subscribed at the end: it ends with the newest; not: it never sees what came since.
          expect(numbers.at(-1) === last.get(symbol)).toBe(isWanted);
          const wasNever = !isAsked('subscribe', symbol);
          if (wasNever) expect(numbers).toEqual([]);
          const wasAlways = !isAsked('unsubscribe', symbol);
          if (wasAlways) for (const [i, n] of numbers.entries()) expect(n).toBe((numbers[0] as number) + i);
          expect(numbers.every((n) => n <= (mark.get(symbol) ?? 0) + 1)).toBe(true);
        }
        expect(warnings).toEqual([]);
        session.close();
        expect(gateway.fanout.sessions.size).toBe(0);
        await gateway.stop();
      }),
      { numRuns: 150 },
    );
  }, 120_000);

  it('gives what has come since a snapshot that is shared by many, and then says where it is', async () => {
    const clock = jest.spyOn(Date, 'now').mockReturnValue(1_767_225_600_000);
    const log = newLog(0);
    for (const symbol of SYMBOLS) log.append(`book_change:${symbol}`, `{"symbol":"${symbol}","ts_ns":1000,${BOOK}}`);
    const gateway = gatewayOf(log, { ...TINY, bytesMax: 4_000_000, entriesMax: 5_000 });
    await settle();
    const connect = async () => {
      const sink = new MemorySink();
      const session = new SocketSession({
        partitions: new Partitions([gateway]),
        sink,
        chain: false,
        resume: undefined,
        streamsMax: 9,
        intervalMsDefault: 0,
      });
      session.ready();
      await settle();
      sink.clear();
      session.subscribe({ streams: ['A:TICKER'], intervalMs: undefined });
      await settle();
      return sink;
    };
    // More than are rendered anew within a second.
    for (let i = 0; i < 25; i++) {
      log.append('ticker:A', `{"n":${i}}`);
      await settle(5);
      await connect();
    }
    const seen = log.last?.offset as number;
    log.append('ticker:A', '{"n":25}');
    log.append('trade:B', '{}');
    await settle(5);
    const frames = (await connect()).frames('packets');
    expect(frames.at(-2)).toEqual({ id: `${EPOCH}-${seen + 1}`, event: 'ticker', data: '{"n":25}' });
    expect(frames.at(-1)).toEqual({ id: `${EPOCH}-${seen + 2}` });
    await gateway.stop();
    clock.mockRestore();
  });
});
