import { type Cursor, compareCursors, partitionOf, tryParseSessionCursor } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Filter } from '../fanout/filter.ts';
import type { Format } from '../fanout/format.ts';
import { EPOCH, gatewayOf, newLog, TINY } from '../testing/memory-gateway.ts';
import type { MemoryLog } from '../testing/memory-log.ts';
import { type Frame, MemorySink, settle } from '../testing/memory-sink.ts';
import { LateSink } from '../transports/late-sink.ts';
import { Bundle } from './bundle.ts';
import { Partitions } from './partitions.ts';

const COUNT = 3;
/** One of each partition, and one more. */
const SYMBOLS = ['A', 'B', 'C', 'D'];
const TYPES = ['market', 'trade'];

const event = fc.tuple(fc.constantFrom(...TYPES), fc.constantFrom(...SYMBOLS));
const events = fc.oneof(
  fc.array(event, { minLength: 1, maxLength: 2 }),
  fc.array(event, { minLength: 1, maxLength: 30 }),
);

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('append' as const), events }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constantFrom('stall' as const, 'resume' as const, 'reconnect' as const, 'keepAlive' as const),
      client: fc.nat(2),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('epoch' as const), partition: fc.nat(COUNT - 1) }) },
);

const wanted = fc.record({
  types: fc.option(fc.subarray(TYPES, { minLength: 1 }), { nil: undefined }),
  symbols: fc.option(fc.subarray(SYMBOLS, { minLength: 1 }), { nil: undefined }),
  format: fc.record({
    ids: fc.constant('cursor' as const),
    chain: fc.boolean(),
    framing: fc.constantFrom('chunks' as const, 'plain' as const, 'packets' as const),
  }),
  isLate: fc.boolean(),
});

describe('a connection to several partitions', () => {
  it('loses nothing and gets nothing twice, with one id, for any batches, filters, slow clients, gateways and epochs', async () => {
    await fc.assert(
      fc.asyncProperty(
        // Several who want the same share their frames.
        fc.array(wanted, { minLength: 1, maxLength: 3 }),
        fc.array(step, { maxLength: 40 }),
        fc.array(fc.boolean(), { minLength: 1, maxLength: 7 }),
        async (wants, steps, settles) => {
          const logs = Array.from({ length: COUNT }, () => newLog(1, 'clock'));
          const warnings: string[] = [];
          const pair = [open(logs, warnings), open(logs, warnings)] as const;
          await settle();
          const clients = [0, 1, 2].map((i) => new Follower(wants[i % wants.length] as Want, logs));
          for (const client of clients) client.connect(pair[0]);
          await settle();
          let epoch = EPOCH;
          for (const [i, action] of steps.entries()) {
            if (action.do === 'append') {
              for (const [type, symbol] of action.events) {
                (logs[partitionOf(symbol, COUNT)] as MemoryLog).append(`${type}:${symbol}`, `{"i":"${symbol}${i}"}`);
              }
            } else if (action.do === 'epoch') (logs[action.partition] as MemoryLog).openEpoch(++epoch);
            else (clients[action.client] as Follower)[action.do](pair[i % 2] as Partitions);
            if (settles[i % settles.length]) await settle(3);
          }
          for (const symbol of SYMBOLS)
            (logs[partitionOf(symbol, COUNT)] as MemoryLog).append(`market:${symbol}`, `{"s":"${symbol}"}`);
          for (const client of clients) client.resume();
          await settle(150);
          expect(warnings).toEqual([]);
          for (const client of clients) client.check();
          // Who is up to date everywhere shares its frames with others like it.
          for (const partitions of pair) {
            const sessions = partitions.all.flatMap(({ fanout }) => [...fanout.sessions]);
            expect(sessions.filter(({ ensemble }) => !ensemble?.isAligned)).toEqual([]);
          }
          for (const partitions of pair) await partitions.stop();
        },
      ),
      { numRuns: 400 },
    );
  }, 120_000);

  it('shares its frames with others that want the same, once all of them are at the head', async () => {
    const logs = Array.from({ length: COUNT }, () => newLog(1, 'clock'));
    const partitions = open(logs, []);
    await settle();
    const clients = Array.from({ length: 5 }, () => new Follower({ format: PACKED }, logs));
    for (const client of clients) client.connect(partitions);
    await settle();
    expect(partitions.all.map(({ fanout }) => fanout.groups.size)).toEqual([1, 1, 1]);
    (clients[0] as Follower).stall();
    for (let i = 0; i < 200; i++) {
      for (const symbol of SYMBOLS)
        (logs[partitionOf(symbol, COUNT)] as MemoryLog).append(`market:${symbol}`, `{"i":"${symbol}${i}"}`);
      await settle(2);
    }
    // One that is slow in one partition is with the others in none.
    expect(partitions.all.map(({ fanout }) => [...fanout.groups.values()].map((g) => g.sessions.length))).toEqual([
      [4],
      [4],
      [4],
    ]);
    for (const client of clients) client.resume();
    await settle(100);
    expect(partitions.all.map(({ fanout }) => fanout.groups.size)).toEqual([1, 1, 1]);
    for (const client of clients) client.check();
    await partitions.stop();
  });

  it.each([
    ['0-0', 'repartitioned'],
    ['bogus', 'unknown'],
    [`${EPOCH}-3`, 'repartitioned'],
    ['a-1_b-2', 'repartitioned'],
    ['a-1_b-2_c-3', 'unknown'],
    ['a-1_b-2_c-3_d-4', 'repartitioned'],
  ])('is reset, once and whole, when it comes with %j: %s', async (lastId, reason) => {
    const logs = Array.from({ length: COUNT }, () => newLog(5, 'clock'));
    const partitions = open(logs, []);
    await settle();
    const client = new Follower({ format: PLAIN_CHUNKS }, logs, lastId);
    client.connect(partitions);
    await settle();
    const frames = client.frames();
    expect(frames.filter(({ event }) => event === 'reset').map(({ data }) => JSON.parse(data ?? ''))).toEqual([
      { reason, requested: lastId, earliest: idOf([0, 0, 0]), tail: idOf([5, 5, 5]) },
    ]);
    expect(frames.at(-1)).toEqual({ id: idOf([5, 5, 5]) });
    for (const symbol of SYMBOLS)
      (logs[partitionOf(symbol, COUNT)] as MemoryLog).append(`market:${symbol}`, `{"s":"${symbol}"}`);
    await settle();
    expect(
      client
        .frames()
        .slice(frames.length)
        .filter(({ data }) => data),
    ).toHaveLength(SYMBOLS.length);
    await partitions.stop();
  });

  it('is reset as a whole when one partition has lost what it saw, and goes on from there in all', async () => {
    const logs = Array.from({ length: COUNT }, () => newLog(5, 'clock'));
    const partitions = open(logs, []);
    await settle();
    const client = new Follower({ format: PLAIN_CHUNKS }, logs);
    client.connect(partitions);
    await settle();
    const [log] = logs as [MemoryLog];
    log.lose(2);
    log.openEpoch(EPOCH + 1);
    log.wake();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const resets = () => client.frames().filter(({ event }) => event === 'reset');
    expect(resets().map(({ data }) => JSON.parse(data ?? '').reason)).toEqual(['forked']);
    const before = client.frames().length;
    for (const [i, each] of logs.entries()) each.append('clock', `{"i":${i}}`);
    await settle();
    const after = client.frames().slice(before);
    expect(after.map(({ data }) => data)).toEqual(['{"i":0}', '{"i":1}', '{"i":2}']);
    expect(resets()).toHaveLength(1);
    await partitions.stop();
  });
});

const PLAIN_CHUNKS: Format = { ids: 'cursor', chain: false, framing: 'chunks' };
const PACKED: Format = { ids: 'cursor', chain: true, framing: 'packets' };

function open(logs: readonly MemoryLog[], warnings: string[]): Partitions {
  const gateways = logs.map((log) => gatewayOf(log, TINY, warnings, { hasSymbols: () => true }));
  return new Partitions(gateways);
}

function idOf(offsets: readonly number[]): string {
  return offsets.map((offset) => `${EPOCH.toString(36)}-${offset.toString(36)}`).join('_');
}

interface Want {
  readonly types?: string[] | undefined;
  readonly symbols?: string[] | undefined;
  readonly format: Format;
  readonly isLate?: boolean;
}

/** A client as an EventSource is one: it keeps the last id and comes back with it, anywhere. */
class Follower {
  readonly #want: Want;
  readonly #logs: readonly MemoryLog[];
  readonly #got: Frame[] = [];
  #sink = new MemorySink();
  #bundle: Bundle | undefined;
  #at: Partitions | undefined;
  #lastId: string | undefined;

  constructor(want: Want, logs: readonly MemoryLog[], lastId?: string) {
    this.#want = want;
    this.#logs = logs;
    this.#lastId = lastId;
  }

  connect(partitions: Partitions): void {
    const { types, symbols, format, isLate = false } = this.#want;
    this.#at = partitions;
    this.#sink = new MemorySink();
    this.#sink.isLate = isLate;
    const sink = isLate ? new LateSink(this.#sink) : this.#sink;
    this.#bundle = new Bundle({ partitions, sink, format });
    for (const index of partitions.indexesOf(symbols)) {
      const { topics } = partitions.all[index] as Partitions['all'][number];
      this.#bundle.add(index, { filter: new Filter(topics, types, symbols), fresh: 'tail' });
    }
    const id = this.#lastId;
    void this.#bundle.start(id === undefined ? undefined : { text: id, fromHeader: true });
  }

  reconnect(partitions: Partitions): void {
    this.#take();
    this.#bundle?.close();
    // One that left before its first id would begin at the tail: that is not what is tested here.
    this.connect(this.#lastId === undefined ? (this.#at as Partitions) : partitions);
  }

  stall(): void {
    this.#sink.stalled = true;
  }

  resume(): void {
    this.#sink.resume();
  }

  keepAlive(): void {
    for (const { fanout } of (this.#at as Partitions).all) fanout.keepAlive(0);
  }

  frames(): Frame[] {
    return this.#sink.frames(this.#want.format.framing);
  }

  /** Of each partition every event after the first id, once and in order; and every id names what has come. */
  check(): void {
    this.#take();
    const { types, symbols, format } = this.#want;
    const [first] = this.#got;
    const start = places(first?.id);
    const seen = [...start];
    const got = start.map((): string[] => []);
    for (const frame of this.#got) {
      const at = places(frame.id);
      const moved = at.map((cursor, p) => compareCursors(cursor, seen[p] as Cursor));
      expect(moved.every((by) => by >= 0)).toBe(true);
      if (frame.data !== undefined) {
        // Whose event it is its number in its log says.
        const of = at.findIndex((cursor, p) => {
          const entry = this.#entry(p, cursor);
          return (
            (moved[p] as number) > 0 &&
            entry?.payload.toString() === frame.data &&
            entry?.topic.startsWith(`${frame.event}`)
          );
        });
        expect(of).toBeGreaterThanOrEqual(0);
        (got[of] as string[]).push(this.#name(at[of] as Cursor));
        if (format.chain) {
          const [, partition = '', prev = ''] = /^(\d+):(.+)$/.exec(frame.prev ?? '') ?? [];
          expect(Number(partition)).toBe(of);
          const [link] = tryParseSessionCursor(`${prev}_${prev}`, 2) ?? [];
          expect(compareCursors(link as Cursor, seen[of] as Cursor)).toBeLessThanOrEqual(0);
        }
      }
      for (const [p, cursor] of at.entries()) seen[p] = cursor;
    }
    for (const [p, log] of this.#logs.entries()) {
      const expected = log.entries
        .filter((entry) => compareCursors(entry, start[p] as Cursor) > 0)
        .filter(({ topic }) => {
          const [type = '', symbol] = topic.split(':');
          const isConcerned = !symbols || symbols.some((each) => partitionOf(each, COUNT) === p);
          return isConcerned && (types?.includes(type) ?? true) && (!symbol || (symbols?.includes(symbol) ?? true));
        });
      expect(got[p]).toEqual(expected.map((entry) => this.#name(entry)));
    }
  }

  #entry(partition: number, { epoch, offset }: Cursor) {
    return this.#logs[partition]?.entries.find((entry) => entry.epoch === epoch && entry.offset === offset);
  }

  #name({ epoch, offset }: Cursor): string {
    return `${epoch}-${offset}`;
  }

  #take(): void {
    const frames = this.frames();
    this.#sink.clear();
    this.#got.push(...frames);
    this.#lastId = frames.at(-1)?.id ?? this.#lastId;
  }
}

function places(id: string | undefined): Cursor[] {
  const cursors = tryParseSessionCursor(id ?? '', COUNT);
  if (!cursors) throw new Error(`${JSON.stringify(id)} is no id of ${COUNT} partitions`);
  return cursors;
}
