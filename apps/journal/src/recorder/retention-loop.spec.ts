import { until } from '@depthcast/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import { MemoryStore } from '../testing/memory-store.ts';
import { RetentionLoop, type RetentionLoopOptions } from './retention-loop.ts';

const POLICY = { bytesMax: 1_000, bboItemsMax: 5 };
const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

function run(store: MemoryStore, options: Partial<RetentionLoopOptions> = {}): number[] {
  const abort = new AbortController();
  const dropped: number[] = [];
  const loop = new RetentionLoop({
    store,
    policy: POLICY,
    everyMs: 3_600_000,
    sizeEveryMs: 10,
    onDropped: ({ events }) => dropped.push(events),
    ...options,
  });
  const running = loop.run(abort.signal);
  ends.push(() => {
    abort.abort();
    return running;
  });
  return dropped;
}

const drop = (events: number) => ({ events, byAge: events, bySize: 0, byItems: 0 });

describe('RetentionLoop', () => {
  it('cleans up at the start, in as many steps as it takes, and then rests', async () => {
    const store = new MemoryStore();
    store.toDrop.push(drop(10), drop(3));
    const dropped = run(store);
    await until(() => store.policies.length === 3);
    expect(dropped).toEqual([10, 3]);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(store.policies).toEqual([POLICY, POLICY, POLICY]);
  });

  it('cleans up at every interval, and as soon as the database is too large', async () => {
    const often = new MemoryStore();
    run(often, { everyMs: 20 });
    const large = new MemoryStore();
    run(large);
    await until(() => often.policies.length > 3 && large.policies.length === 1);
    large.bytesHeld = 1_001;
    await until(() => large.policies.length > 1);
  });

  it('goes on after an error', async () => {
    const store = new MemoryStore();
    const errors: string[] = [];
    store.beforeRead = async () => {
      if (errors.length < 2) throw new Error('the database is away');
    };
    run(store, { onError: ({ message }) => errors.push(message) });
    await until(() => store.policies.length > 0);
    expect(errors).toEqual(['the database is away', 'the database is away']);
  });
});
