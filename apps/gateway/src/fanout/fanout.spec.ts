import { afterEach, describe, expect, it } from '@jest/globals';
import { PLAIN } from '../testing/memory-gateway.ts';
import { MemorySink } from '../testing/memory-sink.ts';
import { Fanout } from './fanout.ts';
import { Filter } from './filter.ts';
import { LogSession } from './session.ts';
import { TopicTable } from './topics.ts';
import { WINDOW_LIMITS, Window } from './window.ts';

let looked = 0;

class CountingFilter extends Filter {
  override matches(topicId: number): boolean {
    looked++;
    return super.matches(topicId);
  }
}

describe('catching up', () => {
  let fanout: Fanout;

  afterEach(() => fanout.stop());

  it.each([
    ['long', WINDOW_LIMITS.segmentBytes, 20_000, 300_000],
    ['of one entry each', 1, 500, 200 + 256],
  ])('ends its turn in time also when nothing matches, with segments %s', async (_, segmentBytes, entries, max) => {
    const topics = new TopicTable();
    const window = new Window({ ...WINDOW_LIMITS, segmentBytes });
    const payload = Buffer.from('{}');
    for (let i = 0; i < entries; i++) window.append(1, 0, i, topics.intern('market:A'), payload);
    fanout = new Fanout({ window, ordinalOf: () => 0, nowMs: () => 0, onOutside: () => {} });
    const sessions = Array.from({ length: 200 }, (_, i) => {
      // Each of its own kind: nothing is shared.
      const session = new LogSession(new MemorySink(), new CountingFilter(topics, ['trade'], [`S${i}`]), PLAIN);
      fanout.add(session);
      session.position = window.first;
      fanout.proceed(session);
      return session;
    });
    let lookedMax = 0;
    let turns = 0;
    while (sessions.some((session) => session.state !== 'head')) {
      looked = 0;
      await new Promise((resolve) => setImmediate(resolve));
      lookedMax = Math.max(lookedMax, looked);
      expect(++turns).toBeLessThan(1_000);
    }
    expect(lookedMax).toBeLessThanOrEqual(max);
  });
});

describe('a session that begins at the head', () => {
  it('knows its place before the first frame that names it', async () => {
    const topics = new TopicTable();
    const window = new Window(WINDOW_LIMITS);
    const append = (offset: number) => window.append(7, 0, offset, topics.intern('market:A'), Buffer.from('{}'));
    append(0);
    const fanout = new Fanout({ window, ordinalOf: () => 0, nowMs: () => 0, onOutside: () => {} });
    const sink = new MemorySink();
    const session = new LogSession(sink, new Filter(topics), { ids: 'cursor', chain: true, framing: 'plain' });
    fanout.add(session);
    fanout.startAtHead(session);
    // A batch of the log comes between its start and its turn.
    append(1);
    fanout.publish(1);
    await new Promise((resolve) => setImmediate(resolve));
    fanout.stop();
    const ids = [...sink.received.toString().matchAll(/^(id|prev): (.*)$/gm)].map(([line]) => line);
    expect(ids[0]).toBe('id: 7-0');
    expect(ids.slice(1).sort()).toEqual(['id: 7-1', 'prev: 7-0']);
  });
});
