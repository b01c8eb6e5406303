import { type BookReplica, LevelReplica, restoreReplica, seedTime } from '@depthcast/book';
import { formatCursor, type ViewStream } from '@depthcast/protocol';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { MemorySink } from '../testing/memory-sink.ts';
import { ViewHub } from './view-hub.ts';
import { ViewSession } from './view-session.ts';

const stream = (symbol: string, levels = 5): ViewStream => ({ symbol, type: 'MBP', levels });

class Bench {
  nowMs = 1_000_000;
  isStale = false;
  readonly books = new Map<string, BookReplica>();
  readonly hub = new ViewHub(
    {
      book: (symbol) => this.books.get(symbol),
      idOf: formatCursor,
      get isStale() {
        return bench.isStale;
      },
      clockUs: 0,
    },
    () => this.nowMs,
  );
  #offset = 0;

  constructor(...symbols: string[]) {
    bench = this;
    for (const symbol of symbols) this.change(symbol, 1, true);
    this.hub.resume();
  }

  change(symbol: string, price: number, isSnapshot = false): void {
    const replica = this.books.get(symbol) ?? new LevelReplica(symbol);
    this.books.set(symbol, replica);
    replica.status = 'synced';
    const levels = `"bids":[["${price}.0","1"]],"asks":[]`;
    const payload = `{"ts_ns":1704067200000000000,"is_snapshot":${isSnapshot},"last":1,${levels}}`;
    replica.apply('book_change', { epoch: 1, offset: ++this.#offset }, Buffer.from(payload));
    this.hub.onBookChanged(replica);
  }

  session(intervalMs: number, ...streams: ViewStream[]): { session: ViewSession; sink: MemorySink } {
    const sink = new MemorySink();
    const views = streams.map((s) => this.hub.view(s));
    const session = new ViewSession(sink, { framing: 'chunks', intervalMs, views });
    this.hub.add(session, '');
    return { session, sink };
  }

  sequences(sink: MemorySink): number[] {
    return sink.frames().map((frame) => JSON.parse(frame.data ?? '{}').sequence);
  }
}
let bench: Bench;

describe('views', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  it('are shown at once, then at most once an interval, always the newest', () => {
    jest.useFakeTimers();
    const b = new Bench('A');
    const { sink } = b.session(300, stream('A'));
    expect(b.sequences(sink)).toEqual([1]);
    for (let i = 2; i <= 4; i++) {
      b.change('A', i);
      b.hub.endBatch();
    }
    jest.advanceTimersByTime(299);
    expect(b.sequences(sink)).toEqual([1]);
    jest.advanceTimersByTime(1);
    expect(b.sequences(sink)).toEqual([1, 4]);
    b.nowMs += 1_000;
    b.change('A', 5);
    b.hub.endBatch();
    expect(b.sequences(sink)).toEqual([1, 4, 5]);
  });

  it('with interval 0 send every change, even of one batch', () => {
    const b = new Bench('A', 'B');
    const { sink } = b.session(0, stream('A'));
    for (let i = 0; i < 5; i++) b.change('A', i + 2);
    b.change('B', 9);
    b.hub.endBatch();
    expect(b.sequences(sink)).toEqual([1, 3, 4, 5, 6, 7]);
  });

  it('with interval 0 send as many changes of a batch as 2,000 rows hold, and the newest at its end', () => {
    const b = new Bench('A', 'B');
    const { sink } = b.session(0, stream('A', 600), stream('B', 1_000));
    sink.clear();
    for (let batch = 0; batch < 2; batch++) {
      for (let i = 0; i < 10; i++) b.change('A', i + 2);
      b.hub.endBatch();
    }
    expect(b.sequences(sink)).toEqual([3, 4, 5, 6, 12, 13, 14, 15, 16, 22]);
  });

  it('skip a slow session to the newest, and nobody else', async () => {
    const b = new Bench('A', 'B');
    const [slow, fast] = [b.session(0, stream('A'), stream('B')), b.session(0, stream('A'), stream('B'))];
    slow.sink.stalled = true;
    for (let i = 0; i < 50; i++) b.change('A', i + 2);
    expect(slow.sink.writes).toBeLessThan(5);
    expect(b.sequences(fast.sink)).toHaveLength(52);
    slow.sink.resume();
    await new Promise((resolve) => setImmediate(resolve));
    // What it had been written when it stopped, then the last; B has not changed and is not sent again.
    expect(b.sequences(slow.sink)).toEqual([1, 2, 3, 52]);
    b.change('A', 99);
    expect(b.sequences(slow.sink).at(-1)).toBe(53);
    b.change('B', 99);
    expect(b.sequences(slow.sink).slice(-2)).toEqual([53, 54]);
  });

  it('never give a session twice what it was given when it came', () => {
    jest.useFakeTimers();
    const b = new Bench('A');
    const early = b.session(300, stream('A'));
    b.change('A', 2);
    b.hub.endBatch();
    b.change('A', 3);
    b.hub.endBatch();
    const late = b.session(300, stream('A'));
    jest.advanceTimersByTime(300);
    expect(b.sequences(early.sink)).toEqual([1, 3]);
    expect(b.sequences(late.sink)).toEqual([3]);
    b.nowMs += 1_000;
    b.change('A', 4);
    b.hub.endBatch();
    expect(b.sequences(late.sink)).toEqual([3, 4]);
  });

  it('send the frames of several books oldest first, so that ids rise', () => {
    const b = new Bench('A', 'B', 'C');
    b.change('A', 7);
    const { sink } = b.session(300, stream('A'), stream('B'), stream('C'));
    expect(b.sequences(sink)).toEqual([2, 3, 4]);
    expect(sink.frames().map((f) => f.id)).toEqual(['1-2', '1-3', '1-4']);
  });

  it('are rendered once, however many watch them, and forgotten when nobody does', () => {
    const b = new Bench('A');
    const [one, two] = [b.session(0, stream('A')), b.session(300, stream('A'))];
    expect(one.session.views[0]).toBe(two.session.views[0]);
    const view = one.session.views[0];
    expect(view?.frame()).toBe(view?.frame());
    b.hub.close(one.session);
    b.hub.close(one.session);
    expect(b.hub.view(stream('A'))).toBe(view);
    b.hub.close(two.session);
    expect(b.hub.view(stream('A'))).not.toBe(view);
    expect(b.hub.sessions.size).toBe(0);
  });

  it('say stale while nothing comes', () => {
    const b = new Bench('A');
    const { sink } = b.session(0, stream('A'));
    b.isStale = true;
    b.hub.markDirty();
    b.hub.endBatch();
    b.isStale = false;
    b.hub.markDirty();
    b.hub.endBatch();
    expect(sink.frames().map((frame) => JSON.parse(frame.data ?? '{}').stale)).toEqual([undefined, true, undefined]);
  });

  it('never show a book that another one has replaced, however often either has changed', () => {
    const b = new Bench('A');
    const early = b.session(300, stream('A'));
    const restored = (offset: number, price: string) => {
      const state = { tick: '1', step: '1', status: 'synced', last: 1, tsEventUs: 1, bids: [[price, '1']], asks: [] };
      return restoreReplica({ symbol: 'A', cursor: { epoch: 1, offset }, state: JSON.stringify(state) });
    };
    // The tail starts anew, twice: each time the views get a replica that has changed as often as the one before.
    for (const [offset, price] of [
      [7, '70'],
      [8, '80'],
    ] as const) {
      b.nowMs += 1_000;
      b.hub.pause();
      b.books.set('A', restored(offset, price));
      b.hub.resume();
      expect(b.sequences(early.sink).at(-1)).toBe(offset);
      expect(b.sequences(b.session(300, stream('A')).sink)).toEqual([offset]);
    }
  });

  it('write time as the seed does', () => {
    expect(seedTime(Date.UTC(2024, 0, 15, 10, 30, 1))).toBe('2024-01-15T10:30:01Z');
    expect(seedTime(Date.UTC(2024, 0, 15, 10, 30, 1, 250))).toBe('2024-01-15T10:30:01.250Z');
  });
});

describe('a replica', () => {
  const snapshot = '{"ts_ns":1704067200123457000,"is_snapshot":true,"last":1,"bids":[["1.0","1"]],"asks":[["2.0","1"]]';
  const apply = (replica: BookReplica, type: 'book_change' | 'book_snapshot', offset: number, payload: string) =>
    replica.apply(type, { epoch: 1, offset }, Buffer.from(payload));

  it('keeps the microsecond of an event, which its Number has lost', () => {
    const replica = new LevelReplica('A');
    for (let i = 1; i <= 1_000; i++) {
      const us = 1_704_067_200_123_000 + i;
      apply(replica, 'book_change', i, `${snapshot.replace('1704067200123457', String(us))}}`);
      expect(replica.tsEventUs).toBe(us);
    }
  });

  it('knows by the checksum when it is wrong, and takes the next whole book then, not before', () => {
    const replica = new LevelReplica('A');
    const other = `${snapshot.replace('"1.0"', '"1.5"')}}`;
    apply(replica, 'book_change', 1, `${snapshot}}`);
    const sum = replica.book?.checksum();
    expect(apply(replica, 'book_change', 2, `${snapshot},"checksum":${sum}}`)).toBeUndefined();
    apply(replica, 'book_snapshot', 3, other);
    expect(replica.book?.wireLevels('bid')).toEqual([['1.0', '1']]);
    expect(apply(replica, 'book_change', 4, `${snapshot},"checksum":1}`)).toMatch('checksum of the levels differs');
    replica.isSuspect = true;
    apply(replica, 'book_snapshot', 5, other);
    expect(replica.book?.wireLevels('bid')).toEqual([['1.5', '1']]);
    expect(replica.isSuspect).toBe(false);
  });

  it('starts from a stored book and leaves out what is in it', () => {
    const state = JSON.stringify({
      tick: '0.5',
      step: '1',
      status: 'synced',
      last: 4,
      tsEventUs: 5,
      bids: [['1.5', '2']],
      asks: [],
    });
    const replica = restoreReplica({ symbol: 'A', cursor: { epoch: 1, offset: 9 }, state });
    expect(replica.book?.wireLevels('bid')).toEqual([['1.5', '2']]);
    expect([replica.has({ epoch: 1, offset: 9 }), replica.has({ epoch: 1, offset: 10 })]).toEqual([true, false]);
  });
});
