import { until } from '@depthcast/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { DroppedSummary, RetentionPolicy } from '../stores/journal-store.ts';
import { RetentionLoop, type RetentionLoopOptions } from './retention-loop.ts';

const POLICY = { bytesMax: 1_000, bboItemsMax: 5 };
const NOTHING: DroppedSummary = { events: 0, byAge: 0, bySize: 0, byItems: 0 };

class DroppingStore {
  /** What each call of retain() drops, one after the other; then nothing. */
  readonly toDrop: DroppedSummary[] = [];
  readonly policies: RetentionPolicy[] = [];
  bytesHeld = 0;
  beforeDrop: () => Promise<void> = async () => {};

  async bytes(): Promise<number> {
    return this.bytesHeld;
  }

  async retain(policy: RetentionPolicy): Promise<DroppedSummary> {
    await this.beforeDrop();
    this.policies.push(policy);
    return this.toDrop.shift() ?? NOTHING;
  }
}

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

function run(store: DroppingStore, options: Partial<RetentionLoopOptions> = {}): number[] {
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
    const store = new DroppingStore();
    store.toDrop.push(drop(10), drop(3));
    const dropped = run(store);
    await until(() => store.policies.length === 3);
    expect(dropped).toEqual([10, 3]);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(store.policies).toEqual([POLICY, POLICY, POLICY]);
  });

  it('cleans up at every interval, and as soon as the database is too large', async () => {
    const often = new DroppingStore();
    run(often, { everyMs: 20 });
    const large = new DroppingStore();
    run(large);
    await until(() => often.policies.length > 3 && large.policies.length === 1);
    large.bytesHeld = 1_001;
    await until(() => large.policies.length > 1);
  });

  it('goes on after an error', async () => {
    const store = new DroppingStore();
    const errors: string[] = [];
    store.beforeDrop = async () => {
      if (errors.length < 2) throw new Error('the database is away');
    };
    run(store, { onError: ({ message }) => errors.push(message) });
    await until(() => store.policies.length > 0);
    expect(errors).toEqual(['the database is away', 'the database is away']);
  });
});
