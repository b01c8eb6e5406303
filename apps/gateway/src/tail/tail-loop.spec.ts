import type { FollowState } from '@depthcast/log';
import { describe, expect, it, jest } from '@jest/globals';
import { EPOCH, newLog } from '../testing/memory-gateway.ts';
import { MemoryLog } from '../testing/memory-log.ts';
import { settle } from '../testing/memory-sink.ts';
import { TailHealth } from './tail-health.ts';
import { TailLoop, type TailStart } from './tail-loop.ts';

class Recorder {
  readonly starts: TailStart[] = [];
  readonly batches: number[][] = [];
  readonly states: FollowState[] = [];
  readonly warnings: string[] = [];
  readonly loop: TailLoop;
  isAwaited = true;

  constructor(log: MemoryLog, flushMs = 0, idleMs = 0) {
    this.loop = new TailLoop({
      source: log,
      consumer: this,
      flushMs,
      idleMs,
      onWarn: (message) => this.warnings.push(message),
    });
    this.loop.start();
  }

  onStart(start: TailStart): void {
    this.starts.push(start);
  }

  onBatch(entries: readonly { offset: number }[]): void {
    this.batches.push(entries.map((entry) => entry.offset));
  }

  onState(state: FollowState): void {
    this.states.push(state);
  }
}

const book = (symbol: string, offset: number, epoch = EPOCH) => ({ symbol, cursor: { epoch, offset }, state: '{}' });

describe('the tail', () => {
  it('begins at the earliest entry held when there are no books', async () => {
    const recorder = new Recorder(newLog(3));
    await settle();
    expect(recorder.starts[0]?.after).toBeUndefined();
    expect(recorder.batches.flat()).toEqual([0, 1, 2, 3]);
    await recorder.loop.stop();
  });

  it('begins at the oldest of the books that can be carried on, and says which cannot', async () => {
    const log = newLog(100);
    log.trim(50);
    log.storedBooks = [
      book('A', 70),
      book('B', 50),
      book('TRIMMED', 49),
      book('FOREIGN', 3, EPOCH - 9),
      book('BEYOND', 101),
    ];
    const recorder = new Recorder(log);
    await settle();
    expect(recorder.starts[0]?.after).toEqual({ epoch: EPOCH, offset: 50 });
    expect(recorder.starts[0]?.books.map((b) => b.symbol)).toEqual(['A', 'B']);
    expect(recorder.batches.flat()).toEqual(Array.from({ length: 50 }, (_, i) => 51 + i));
    expect(recorder.warnings).toEqual([expect.stringMatching(/TRIMMED .*-49, FOREIGN .*-3, BEYOND/)]);
    await recorder.loop.stop();
  });

  it('begins at the accounts when they are older than every book, and says when they cannot be carried on', async () => {
    const log = newLog(100);
    log.storedBooks = [book('A', 70)];
    const startOf = async (offset: number) => {
      log.storedAccounts = { cursor: { epoch: EPOCH, offset }, state: '{}' };
      const recorder = new Recorder(log);
      await settle();
      await recorder.loop.stop();
      const { after, accounts } = recorder.starts[0] as TailStart;
      return [after?.offset, accounts?.cursor.offset, recorder.warnings];
    };
    expect(await startOf(60)).toEqual([60, 60, []]);
    expect(await startOf(80)).toEqual([70, 80, []]);
    expect(await startOf(101)).toEqual([70, undefined, [expect.stringMatching(/^stored accounts .*-101$/)]]);
  });

  it('waits for the first entry of an empty log', async () => {
    const log = new MemoryLog();
    const recorder = new Recorder(log);
    await settle();
    expect(recorder.starts).toHaveLength(0);
    log.openEpoch(EPOCH);
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(recorder.batches.flat()).toEqual([0]);
    await recorder.loop.stop();
  });

  it('gives one event at once when all is quiet, and all that came meanwhile together', async () => {
    const log = newLog(1);
    const recorder = new Recorder(log, 60);
    await settle();
    recorder.batches.length = 0;
    await new Promise((resolve) => setTimeout(resolve, 80));
    log.append('market:A', '{}');
    await settle(3);
    expect(recorder.batches).toEqual([[2]]);
    for (let i = 0; i < 5; i++) log.append('market:A', '{}');
    await settle(3);
    expect(recorder.batches).toHaveLength(1);
    await new Promise((resolve) => setTimeout(resolve, 80));
    expect(recorder.batches).toEqual([[2], [3, 4, 5, 6, 7]]);
    await recorder.loop.stop();
  });

  it('reads together what comes while nobody waits for it, until somebody does', async () => {
    const log = newLog(1);
    const recorder = new Recorder(log, 0, 60_000);
    await settle();
    recorder.batches.length = 0;
    recorder.isAwaited = false;
    log.append('market:A', '{}');
    await settle(3);
    expect(recorder.batches).toEqual([[2]]);
    for (let i = 0; i < 5; i++) log.append('market:A', '{}');
    await settle(5);
    expect(recorder.batches).toHaveLength(1);
    recorder.isAwaited = true;
    recorder.loop.hurry();
    await recorder.loop.refreshed;
    expect(recorder.batches).toEqual([[2], [3, 4, 5, 6, 7]]);
    expect(recorder.loop.refreshed).toBeUndefined();
    await settle(3);
    log.append('market:A', '{}');
    await settle(3);
    expect(recorder.batches).toHaveLength(3);
    recorder.isAwaited = false;
    log.append('market:A', '{}');
    await settle(3);
    // Its end is not waited for.
    await recorder.loop.stop();
  });

  it('begins anew when the log is another one', async () => {
    const log = newLog(5);
    const recorder = new Recorder(log);
    await settle();
    log.lose(2);
    log.openEpoch(EPOCH + 1);
    log.append('market:A', '{}');
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(recorder.warnings).toEqual(['the log has a gap: starting anew']);
    expect(recorder.starts).toHaveLength(2);
    expect(recorder.starts[1]?.timeline.current?.epoch).toBe(EPOCH + 1);
    expect(recorder.batches.flat().slice(-6)).toEqual([0, 1, 2, 3, 0, 1]);
    await recorder.loop.stop();
  });
});

describe('the tail’s health', () => {
  it('is lost when a silent tail stays silent over a new connection, not before, and comes back with entries', () => {
    jest.useFakeTimers();
    const told: boolean[] = [];
    const health = new TailHealth((ok) => told.push(ok));
    health.onState('silent');
    jest.advanceTimersByTime(3_000);
    health.onState('connected');
    jest.advanceTimersByTime(60_000);
    expect(told).toEqual([true]);
    health.onState('silent');
    jest.advanceTimersByTime(6_000);
    expect(told).toEqual([true, false]);
    health.onState('connected');
    expect(told).toEqual([true, false, true]);
    jest.useRealTimers();
  });
});
