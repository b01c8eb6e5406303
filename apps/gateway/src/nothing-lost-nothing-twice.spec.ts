import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Format } from './fanout/format.ts';
import { Rates } from './fanout/rates.ts';
import type { Gateway } from './gateway.ts';
import { connect, EPOCH, gatewayOf, type MemoryClient, newLog, TINY, type Wanted } from './testing/memory-gateway.ts';
import { MemoryJournal } from './testing/memory-journal.ts';
import type { MemoryLog } from './testing/memory-log.ts';
import { type Frame, settle } from './testing/memory-sink.ts';

describe('nothing lost, nothing twice', () => {
  const TOPICS = ['market:A', 'market:B', 'trade:A', 'clock'];
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant('append' as const),
        topics: fc.array(fc.constantFrom(...TOPICS), { minLength: 1, maxLength: 40 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constantFrom('stall' as const, 'resume' as const, 'reconnect' as const, 'keepAlive' as const),
        client: fc.nat(3),
      }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('epoch' as const) }) },
  );
  const wanted = fc.record({
    types: fc.option(fc.subarray(['market', 'trade', 'clock'], { minLength: 1 }), { nil: undefined }),
    symbols: fc.option(fc.subarray(['A', 'B'], { minLength: 1 }), { nil: undefined }),
    format: fc.record({
      ids: fc.constantFrom('cursor' as const, 'int' as const),
      chain: fc.boolean(),
      framing: fc.constantFrom('chunks' as const, 'plain' as const, 'packets' as const),
    }),
    isLate: fc.boolean(),
    rate: fc.option(fc.integer({ min: 500, max: 5_000 }), { nil: undefined, freq: 2 }),
  });
  const buffer = fc.constantFrom(200, 2_000, 1 << 20);

  it('holds for any batches, filters, formats, rates, buffers, slow clients, reconnects, gateways and epochs, with a tiny window', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(wanted, { minLength: 4, maxLength: 4 }),
        fc.array(step, { maxLength: 40 }),
        buffer,
        async (wants, steps, sessionBufferBytesMax) => {
          const log = newLog(1);
          const warnings: string[] = [];
          const options = { sessionBufferBytesMax };
          const pair = [gatewayOf(log, TINY, warnings, options), gatewayOf(log, TINY, warnings)] as const;
          await settle();
          const rates = hastyRates();
          const clients = wants.map((want) => new Follower({ ...want, budget: rates.open(want.rate, '') }, log));
          for (const client of clients) client.connect(pair[0]);
          await settle();
          let epoch = EPOCH;
          for (const [i, action] of steps.entries()) {
            if (action.do === 'append') for (const topic of action.topics) log.append(topic, `{"i":${i}}`);
            else if (action.do === 'epoch') log.openEpoch(++epoch);
            else (clients[action.client] as Follower)[action.do](pair[i % 2] as Gateway);
            if (i % 3 === 0) await settle(3);
          }
          log.append('market:A', '{"last":1}');
          for (const client of clients) client.resume();
          await settle(120);
          await until(() => clients.every((client) => client.isAtHead));
          rates.stop();
          expect(warnings).toEqual([]);
          for (const client of clients) client.check();
          for (const gateway of pair) await gateway.stop();
        },
      ),
      { numRuns: 150 },
    );
  }, 120_000);

  it('holds from any cursor of a log that Redis has trimmed and the journal has not, while it goes on trimming', async () => {
    const trim = fc.record({ do: fc.constant('trim' as const), keep: fc.integer({ min: 1, max: 400 }) });
    const place = fc.oneof(fc.constant('0'), fc.nat(999));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ want: wanted, place }), { minLength: 4, maxLength: 4 }),
        fc.array(fc.nat(900), { minLength: 1, maxLength: 4 }),
        fc.array(fc.oneof({ weight: 3, arbitrary: step }, { weight: 1, arbitrary: trim }), { maxLength: 40 }),
        async (starts, epochs, steps) => {
          const log = newLog(1);
          let epoch = EPOCH;
          for (const [i, count] of epochs.entries()) {
            if (i > 0) log.openEpoch(++epoch);
            for (let n = 0; n < count; n++) log.append(TOPICS[(n * 7) % TOPICS.length] as string, `{"n":${n}}`);
          }
          const journal = new MemoryJournal(log).record();
          log.trim(50);
          const warnings: string[] = [];
          const gateways = [0, 1].map(() => gatewayOf(log, TINY, warnings, { journal }));
          await settle();
          const rates = hastyRates();
          const clients = starts.map(({ want, place: at }) => {
            return new Follower({ ...want, budget: rates.open(want.rate, '') }, log, journal, at);
          });
          for (const client of clients) client.connect(gateways[0] as Gateway);
          for (const [i, action] of steps.entries()) {
            if (action.do === 'append') for (const topic of action.topics) log.append(topic, `{"i":${i}}`);
            else if (action.do === 'epoch') log.openEpoch(++epoch);
            else if (action.do === 'trim') {
              // The tail itself is not that slow.
              await settle(3);
              journal.record();
              log.trim(action.keep);
            } else (clients[action.client] as Follower)[action.do](gateways[i % 2] as Gateway);
            if (i % 3 === 0) await settle(3);
          }
          log.append('market:A', '{"last":1}');
          journal.record();
          for (const client of clients) client.resume();
          await settle();
          await until(() => clients.every((client) => client.isAtHead));
          await settle();
          rates.stop();
          expect(warnings).toEqual([]);
          for (const client of clients) client.check();
          for (const gateway of gateways) await gateway.stop();
        },
      ),
      { numRuns: 100 },
    );
  }, 120_000);
});

/** Rates of a clock that is in a hurry: who is held back is so for a tick or two. */
function hastyRates(): Rates {
  let nowMs = 0;
  return new Rates({
    nowMs: () => {
      nowMs += 200;
      return nowMs;
    },
  });
}

/** Time passes by itself where the journal is read in turn: at most ten seconds of it. */
async function until(done: () => boolean): Promise<void> {
  for (const deadlineMs = Date.now() + 10_000; !done() && Date.now() < deadlineMs; ) await settle(10);
}

/** A client as an EventSource is one: it keeps the last id and comes back with it, anywhere. */
class Follower {
  readonly #want: Wanted & { format: Format };
  readonly #log: MemoryLog;
  readonly #journal: MemoryJournal | undefined;
  readonly #got: Frame[] = [];
  /** The id it came with, or `0`, the beginning. */
  readonly #start: string | undefined;
  readonly #isBeginning: boolean;
  #client: MemoryClient | undefined;
  #gateway: Gateway | undefined;
  #lastId: string | undefined;

  /** @param place where it begins: `0`, at the beginning, or thousandths of what there is; without it at the tail. */
  constructor(want: Wanted & { format: Format }, log: MemoryLog, journal?: MemoryJournal, place?: string | number) {
    this.#want = want;
    this.#log = log;
    this.#journal = journal;
    this.#isBeginning = place === '0';
    const { entries } = journal ?? log;
    const from = typeof place === 'number' ? entries[Math.floor((place * entries.length) / 1_000)] : undefined;
    this.#start = from ? this.#idOf(from) : (place as string | undefined);
    this.#lastId = from && this.#start;
  }

  get isAtHead(): boolean {
    return this.#client?.session.state === 'head';
  }

  connect(gateway: Gateway): void {
    this.#gateway = gateway;
    const isNew = this.#lastId === undefined;
    const lastId = isNew ? this.#start : this.#lastId;
    const cursor = lastId === undefined ? {} : { lastId, fromHeader: !isNew };
    this.#client = connect(gateway, { ...this.#want, ...cursor });
  }

  reconnect(gateway: Gateway): void {
    const { session } = this.#client as MemoryClient;
    this.#take();
    (this.#gateway as Gateway).fanout.close(session);
    // One that left before its first id would begin at the tail: that is not what is tested here.
    if (this.#lastId !== undefined || this.#start !== undefined) this.connect(gateway);
    else this.connect(this.#gateway as Gateway);
  }

  stall(): void {
    (this.#client as MemoryClient).sink.stalled = true;
  }

  resume(): void {
    (this.#client as MemoryClient).sink.resume();
  }

  keepAlive(): void {
    (this.#gateway as Gateway).fanout.keepAlive(0);
  }

  check(): void {
    this.#take();
    const { types, symbols, format } = this.#want;
    const { entries } = this.#journal ?? this.#log;
    const places = new Map(entries.map((entry, i) => [this.#idOf(entry), i]));
    const at = (text: string | undefined) => places.get(text ?? '') ?? Number.NaN;
    const first = this.#isBeginning ? -1 : at(this.#start ?? this.#got[0]?.id);
    const expected = entries
      .slice(first + 1)
      .filter(({ topic }) => {
        const [type = '', symbol] = topic.split(':');
        return (types?.includes(type) ?? true) && (symbol === undefined || (symbols?.includes(symbol) ?? true));
      })
      .map((entry) => ({ id: this.#idOf(entry), event: entry.topic.split(':')[0], data: entry.payload.toString() }));
    const events = this.#got.filter((frame) => frame.data !== undefined);
    expect(events.map(({ prev: _, ...frame }) => frame)).toEqual(expected);
    if (!format.chain) return;
    // What our SDK checks on every frame: prev ≤ cursor < id, and no event between prev and id.
    let cursor = first;
    let event = first;
    for (const frame of this.#got.slice(this.#start === undefined ? 1 : 0)) {
      if (frame.data !== undefined) {
        expect(at(frame.id)).toBeGreaterThan(cursor);
        if (cursor >= 0) {
          expect(at(frame.prev)).toBeLessThanOrEqual(cursor);
          // Were it older than the event before, the loss of that one would not show.
          expect(at(frame.prev)).toBeGreaterThanOrEqual(event);
        } else expect(frame.prev).toBeUndefined();
        event = at(frame.id);
      }
      cursor = at(frame.id);
    }
  }

  #idOf({ epoch, offset }: { epoch: number; offset: number }): string {
    const ordinal = this.#log.spans.findIndex((span) => span.epoch === epoch);
    if (this.#want.format.ids === 'cursor' || ordinal < 0) return `${epoch}-${offset}`;
    return String(ordinal === 0 ? offset : `${ordinal}${String(offset).padStart(12, '0')}`);
  }

  #take(): void {
    const { sink, session } = this.#client as MemoryClient;
    const frames = sink.frames(session.format.framing);
    sink.clear();
    this.#got.push(...frames);
    this.#lastId = frames.at(-1)?.id ?? this.#lastId;
  }
}
