import type { LogEntry } from '@depthcast/log';
import { DepthcastError } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import type { JournalBatch } from '../stores/journal-store.ts';
import { ModelStore } from '../testing/model-store.ts';
import { CommitLoop } from './commit-loop.ts';
import { PendingRows } from './pending-rows.ts';
import { RowAdapter } from './row-adapter.ts';

const entry = (offset: number): LogEntry => ({ epoch: 5, offset, topic: 'clock', payload: Buffer.from('{}') });
const { signal } = new AbortController();

/** Entries 0, 1 and 2 are pending, and nothing more comes. */
function begin(store: ModelStore, limits = { rowsMax: 10, bytesMax: 1_000 }) {
  const pending = new PendingRows(new RowAdapter(), limits, -1);
  pending.add([entry(0), entry(1), entry(2)]);
  const failures: string[] = [];
  const committed: number[] = [];
  const loop = new CommitLoop({
    store,
    partition: 0,
    commitEveryMs: 0,
    observer: {
      databaseAway: ({ message }) => failures.push(message),
      committed: ({ position }) => committed.push(position.cursor.offset),
    },
  });
  return { pending, loop, failures, committed };
}

/** Once. */
function failing(message: string, first: (batch: JournalBatch) => Promise<unknown> = async () => {}) {
  let failed = false;
  return async (batch: JournalBatch) => {
    if (failed) return;
    failed = true;
    await first(batch);
    throw new Error(message);
  };
}

describe('CommitLoop', () => {
  it('finds that a commit without an answer was carried out', async () => {
    const store = new ModelStore();
    store.afterCommit = failing('the answer is lost');
    const { pending, loop, failures, committed } = begin(store);
    pending.close();
    expect(await loop.run(pending, null, signal)).toBe('drained');
    expect(store.ids()).toEqual(['5-0', '5-1', '5-2']);
    expect([store.commits, failures, committed]).toEqual([1, ['the answer is lost'], [2]]);
  });

  it('carries out again what was not', async () => {
    const store = new ModelStore();
    store.beforeCommit = failing('the database is away');
    const { pending, loop } = begin(store);
    pending.close();
    expect(await loop.run(pending, null, signal)).toBe('drained');
    expect(store.ids()).toEqual(['5-0', '5-1', '5-2']);
  });

  it('waits for a database that is busy with the questions of others, and not for a defect to go away', async () => {
    const busy = new ModelStore();
    busy.beforeCommit = failing('the database is away');
    let asked = 0;
    busy.beforeRead = async () => {
      if (asked++ === 0) throw new DepthcastError('OVERLOADED', 'too many wait');
    };
    const one = begin(busy);
    one.pending.close();
    expect(await one.loop.run(one.pending, null, signal)).toBe('drained');
    expect(busy.ids()).toEqual(['5-0', '5-1', '5-2']);

    const broken = new ModelStore();
    broken.beforeCommit = async () => {
      throw new RangeError('1e+19 is not a whole number below 2^53');
    };
    const two = begin(broken);
    await expect(two.loop.run(two.pending, null, signal)).rejects.toThrow(RangeError);
  });

  it('finds that another journal was faster while it was in doubt', async () => {
    const store = new ModelStore();
    const faster = (batch: JournalBatch) => {
      const rows = batch.rows.slice(0, 2);
      return store.commit({ ...batch, rows, position: { ...batch.position, cursor: { epoch: 5, offset: 1 } } });
    };
    store.beforeCommit = failing('the database is away', faster);
    const { pending, loop, committed } = begin(store);
    expect(await loop.run(pending, null, signal)).toBe('overtaken');
    expect([store.ids(), committed]).toEqual([['5-0', '5-1'], []]);
  });

  it('gives up at a stop while the database is away, and stores what is left where it is not', async () => {
    const abort = new AbortController();
    abort.abort();
    const away = new ModelStore();
    away.beforeCommit = async () => {
      throw new Error('the database is away');
    };
    const one = begin(away);
    one.pending.close();
    await expect(one.loop.run(one.pending, null, abort.signal)).rejects.toThrow('the database is away');
    const two = begin(new ModelStore());
    two.pending.close();
    expect(await two.loop.run(two.pending, null, abort.signal)).toBe('drained');
    expect(two.committed).toEqual([2]);
  });

  it('makes a reader wait that is ahead by as much as may be pending', async () => {
    const store = new ModelStore();
    const { pending, loop } = begin(store, { rowsMax: 3, bytesMax: 1_000 });
    let hasRoom = false;
    const room = pending.room().then(() => {
      hasRoom = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(hasRoom).toBe(false);
    const running = loop.run(pending, null, signal);
    await room;
    pending.close();
    await running;
  });
});
