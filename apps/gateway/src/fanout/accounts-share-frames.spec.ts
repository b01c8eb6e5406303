import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MemorySink } from '../testing/memory-sink.ts';
import { Encoder } from './encoder.ts';
import { Fanout } from './fanout.ts';
import { Filter } from './filter.ts';
import type { Format } from './format.ts';
import { LogSession } from './session.ts';
import { TopicTable } from './topics.ts';
import { WINDOW_LIMITS, Window } from './window.ts';

const EPOCH = 1_767_225_600_000;
const TYPES = ['market', 'fill', 'order_state'];
const ACCOUNTS = ['alice', 'bob', 'carol', undefined];

class Stage {
  readonly topics = new TopicTable();
  readonly window = new Window({ ...WINDOW_LIMITS, segmentBytes: 500 });
  readonly fanout = new Fanout({ window: this.window, ordinalOf: () => 0, nowMs: () => 0, onOutside: () => {} });
  offset = 0;

  append(text: string): void {
    const payload = Buffer.from(`{"n":${this.offset}}`);
    this.window.append(EPOCH, 0, this.offset++, this.topics.of(text, payload), payload);
  }

  join(account: string | undefined, format: Format): LogSession & { readonly sink: MemorySink } {
    const filter = new Filter(this.topics, TYPES, undefined, account === undefined ? {} : { account });
    const session = new LogSession(new MemorySink(), filter, format);
    this.fanout.add(session);
    this.fanout.startAtHead(session);
    return session as LogSession & { readonly sink: MemorySink };
  }

  async settled(): Promise<void> {
    for (let i = 0; i < 6; i++) await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('sessions that differ in their accounts alone', () => {
  let stage: Stage;

  afterEach(() => stage?.fanout.stop());

  it('get, live and behind, the very bytes that each would get alone', async () => {
    const topic = fc.constantFrom(
      'market:A',
      'market:A',
      'market:B',
      'clock',
      'fill:A:alice',
      'order_state:A:bob',
      'account::carol',
    );
    const batch = fc.record({ topics: fc.array(topic, { minLength: 1, maxLength: 30 }), stall: fc.nat(5) });
    const format = fc.record({
      ids: fc.constantFrom('cursor' as const, 'int' as const),
      chain: fc.boolean(),
      framing: fc.constant('plain' as const),
    });
    await fc.assert(
      fc.asyncProperty(format, fc.array(batch, { minLength: 1, maxLength: 8 }), async (wanted, batches) => {
        stage = new Stage();
        stage.append('market:A');
        const sessions = ACCOUNTS.map((account) => stage.join(account, wanted));
        await stage.settled();
        const first = stage.window.end;
        for (const { topics, stall } of batches) {
          const stalled = sessions[stall];
          if (stalled) stalled.sink.stalled = true;
          const from = stage.window.end;
          for (const text of topics) stage.append(text);
          stage.fanout.publish(from);
          if (stall % 2 === 0) for (const { sink } of sessions) sink.resume();
          await stage.settled();
        }
        for (const { sink } of sessions) sink.resume();
        await stage.settled();
        for (const { filter, sink } of sessions) {
          const prev = wanted.chain ? { cursor: { epoch: EPOCH, offset: 0 }, ordinal: 0 } : undefined;
          const alone = new Encoder().encode(stage.window, first, stage.window.end, { filter, format: wanted, prev });
          // Who has caught up is given the head's id besides.
          const events = sink.received
            .toString()
            .split('\n\n')
            .filter((frame) => frame.includes('data: '));
          expect(events.map((frame) => `${frame}\n\n`).join('')).toBe(alone.bytes?.toString() ?? '');
        }
        stage.fanout.stop();
      }),
      { numRuns: 300 },
    );
  });

  it('share one encoding of what has nothing private of them', async () => {
    stage = new Stage();
    stage.append('market:A');
    const plain = { ids: 'cursor', chain: false, framing: 'chunks' } as const;
    const written = new Map<string, Buffer[]>();
    for (let i = 0; i < 50; i++) {
      const account = `user-${i}`;
      const session = stage.join(account, plain);
      const bytes: Buffer[] = [];
      session.sink.write = (part) => bytes.push(part as Buffer) > 0;
      written.set(account, bytes);
    }
    await stage.settled();
    for (const bytes of written.values()) bytes.length = 0;
    const from = stage.window.end;
    stage.append('market:A');
    stage.append('fill:A:user-7');
    stage.fanout.publish(from);
    const buffers = [...written.values()].map(([bytes]) => bytes);
    expect(stage.fanout.groups.size).toBe(50);
    expect(new Set(buffers).size).toBe(2);
    expect(buffers.filter((bytes) => bytes === buffers[0])).toHaveLength(49);
    expect(String(buffers[7])).toContain('event: fill');
    expect(String(buffers[0])).not.toContain('event: fill');
  });
});
