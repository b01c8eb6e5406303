import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Format } from './fanout/format.ts';
import type { Gateway } from './gateway.ts';
import { connect, EPOCH, gatewayOf, type MemoryClient, newLog, TINY } from './testing/memory-gateway.ts';
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
      chunked: fc.boolean(),
    }),
  });

  it('holds for any batches, filters, formats, slow clients, reconnects, gateways and epochs, with a tiny window', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(wanted, { minLength: 4, maxLength: 4 }),
        fc.array(step, { maxLength: 40 }),
        async (wants, steps) => {
          const log = newLog(1);
          const warnings: string[] = [];
          const pair = [gatewayOf(log, TINY, warnings), gatewayOf(log, TINY, warnings)] as const;
          await settle();
          const clients = wants.map((want) => new Follower(want, log));
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
          expect(warnings).toEqual([]);
          for (const client of clients) client.check();
          for (const gateway of pair) await gateway.stop();
        },
      ),
      { numRuns: 150 },
    );
  }, 120_000);
});

/** A client as an EventSource is one: it keeps the last id and comes back with it, anywhere. */
class Follower {
  readonly #want: { types?: string[] | undefined; symbols?: string[] | undefined; format: Format };
  readonly #log: MemoryLog;
  readonly #got: Frame[] = [];
  #client: MemoryClient | undefined;
  #gateway: Gateway | undefined;
  #lastId: string | undefined;

  constructor(want: { types?: string[] | undefined; symbols?: string[] | undefined; format: Format }, log: MemoryLog) {
    this.#want = want;
    this.#log = log;
  }

  connect(gateway: Gateway): void {
    this.#gateway = gateway;
    this.#client = connect(gateway, { ...this.#want, ...(this.#lastId === undefined ? {} : { lastId: this.#lastId }) });
  }

  reconnect(gateway: Gateway): void {
    const { session } = this.#client as MemoryClient;
    this.#take();
    (this.#gateway as Gateway).fanout.close(session);
    // One that left before its first id would begin at the tail: that is not what is tested here.
    if (this.#lastId !== undefined) this.connect(gateway);
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
    const ordinalOf = (epoch: number) => this.#log.spans.findIndex((span) => span.epoch === epoch);
    const id = ({ epoch, offset }: { epoch: number; offset: number }) =>
      format.ids === 'cursor' || ordinalOf(epoch) < 0
        ? `${epoch}-${offset}`
        : String(ordinalOf(epoch) === 0 ? offset : `${ordinalOf(epoch)}${String(offset).padStart(12, '0')}`);
    const first = this.#log.entries.findIndex((entry) => id(entry) === this.#got[0]?.id);
    const expected = this.#log.entries
      .slice(first + 1)
      .filter(({ topic }) => {
        const [type = '', symbol] = topic.split(':');
        return (types?.includes(type) ?? true) && (symbol === undefined || (symbols?.includes(symbol) ?? true));
      })
      .map((entry) => ({ id: id(entry), event: entry.topic.split(':')[0], data: entry.payload.toString() }));
    const events = this.#got.filter((frame) => frame.data !== undefined);
    expect(events.map(({ prev: _, ...frame }) => frame)).toEqual(expected);
    if (!format.chain) return;
    // What our SDK checks on every frame: prev ≤ cursor < id, and no event between prev and id.
    const positions = new Map(this.#log.entries.map((entry, i) => [id(entry), i]));
    const at = (text: string | undefined) => positions.get(text ?? '') ?? Number.NaN;
    let cursor = at(this.#got[0]?.id);
    let event = cursor;
    for (const frame of this.#got.slice(1)) {
      if (frame.data !== undefined) {
        expect(at(frame.prev)).toBeLessThanOrEqual(cursor);
        expect(at(frame.id)).toBeGreaterThan(cursor);
        // Were it older than the event before, the loss of that one would not show.
        expect(at(frame.prev)).toBeGreaterThanOrEqual(event);
        event = at(frame.id);
      }
      cursor = at(frame.id);
    }
  }

  #take(): void {
    const { sink, session } = this.#client as MemoryClient;
    const frames = sink.frames(session.format.chunked);
    sink.clear();
    this.#got.push(...frames);
    this.#lastId = frames.at(-1)?.id ?? this.#lastId;
  }
}
