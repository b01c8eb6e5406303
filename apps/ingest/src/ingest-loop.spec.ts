import { setTimeout as sleep } from 'node:timers/promises';
import { partitionOf, type UnstampedInput } from '@depthcast/protocol';
import { until } from '@depthcast/testing';
import { describe, expect, it } from '@jest/globals';
import { Subject } from 'rxjs';
import { IngestLoop } from './ingest-loop.ts';
import type { Venue } from './venues/venue.ts';

const definition = (symbol: string): UnstampedInput => ({
  type: 'symbol',
  symbol,
  venue: 'test',
  tick: '1',
  step: '1',
  depthRule: 'spot',
  quotes: false,
  tsRecvUs: 1,
});
const clock = (second: number): UnstampedInput => ({ type: 'clock', second, tsRecvUs: 1 });
const brief = (input: UnstampedInput): string =>
  input.type === 'feed'
    ? `feed ${input.symbol} ${input.status}`
    : input.type === 'clock'
      ? `${input.second}`
      : input.type;

function partition() {
  return {
    unsynced: undefined as { cursor: string; symbols: string[] } | undefined,
    room: true,
    closed: false,
    epoch: undefined as number | undefined,
    runId: 'a',
    redisDown: false,
    pushed: [] as string[],
    dropped: 0,
  };
}

function rig(count = 1) {
  const inputs = new Subject<UnstampedInput>();
  const resyncs: string[] = [];
  const venue: Venue = {
    name: 'test',
    inputs: () => inputs,
    resync: (reason, only = new Set(['all'])) => void resyncs.push(`${reason}: ${[...only]}`),
  };
  const partitions = Array.from({ length: count }, partition);
  const [state] = partitions as [ReturnType<typeof partition>];
  let fatal: unknown;
  const loop = new IngestLoop({
    venue,
    partitions: partitions.map((its) => ({
      sink: {
        push: (input) => {
          if (its.room) its.pushed.push(brief(input));
          return its.room;
        },
        close: async () => {
          its.closed = true;
        },
      },
      readTip: async () => {
        if (its.redisDown) throw new Error('Connection is closed.');
        return its.epoch === undefined ? undefined : { epoch: its.epoch, runId: its.runId };
      },
      readUnsynced: async () => its.unsynced,
    })),
    onInput: () => {},
    onDropped: (k) => void (partitions[k] as ReturnType<typeof partition>).dropped++,
    onFatal: (error) => {
      fatal = error;
    },
    info: () => {},
    tipPollMs: 5,
  });
  const { pushed } = state;
  return { inputs, resyncs, state, partitions, pushed, loop, dropped: () => state.dropped, fatal: () => fatal };
}

describe('the ingest loop', () => {
  it('drops everything after a refusal, and after the queue emptied says feeds are down and resyncs', async () => {
    const { inputs, resyncs, state, pushed, loop, dropped } = rig();
    loop.start();
    for (const input of [definition('A'), definition('B'), clock(1)]) inputs.next(input);
    state.room = false;
    inputs.next(clock(2));
    state.room = true;
    // There is room for this one, but it would follow a hole.
    inputs.next(clock(3));
    expect(dropped()).toBe(2);
    expect(resyncs).toEqual([]);
    loop.onSinkRecovered(0);
    inputs.next(clock(4));
    expect(pushed).toEqual(['symbol', 'symbol', '1', 'feed A down', 'feed B down', '4']);
    expect(resyncs).toEqual(['ingest dropped inputs: the inbox was full: A,B']);
    await loop.stop();
  });

  it('resyncs when the log begins a new epoch, and not for the first one it sees', async () => {
    const { inputs, resyncs, state, loop } = rig();
    loop.start();
    inputs.next(definition('A'));
    await sleep(20);
    state.epoch = 1_000;
    await sleep(20);
    state.redisDown = true;
    await sleep(20);
    state.redisDown = false;
    await sleep(20);
    expect(resyncs).toEqual([]);
    state.epoch = undefined;
    await sleep(20);
    state.epoch = 2_000;
    await until(() => resyncs.length > 0);
    await sleep(20);
    expect(resyncs).toEqual(['new epoch: A']);
    await loop.stop();
  });

  it('resyncs once when the log goes on in another Redis process', async () => {
    const { inputs, resyncs, state, loop } = rig();
    state.epoch = 1_000;
    loop.start();
    inputs.next(definition('A'));
    await sleep(20);
    expect(resyncs).toEqual([]);
    state.runId = 'b';
    await until(() => resyncs.length > 0);
    await sleep(20);
    expect(resyncs).toEqual(['another Redis process: A']);
    state.runId = 'c';
    state.epoch = 2_000;
    await until(() => resyncs.length > 1);
    await sleep(20);
    expect(resyncs).toEqual(['another Redis process: A', 'new epoch: A']);
    await loop.stop();
  });

  it('on stop leaves the venue, says that its feeds are down, and waits for the sink', async () => {
    const { inputs, state, pushed, loop } = rig();
    loop.start();
    inputs.next(definition('A'));
    await loop.stop();
    expect(inputs.observed).toBe(false);
    expect(pushed).toEqual(['symbol', 'feed A down']);
    expect(state.closed).toBe(true);
  });

  it('passes on what can never succeed', () => {
    const { inputs, loop, fatal } = rig();
    loop.start();
    inputs.error(new Error('no such symbol'));
    expect(fatal()).toEqual(new Error('no such symbol'));
    return loop.stop();
  });

  it('starts a book anew when two snapshots of the engine in a row show a gap that we know nothing of', async () => {
    const { inputs, resyncs, state, loop } = rig();
    loop.start();
    inputs.next(definition('A'));
    inputs.next(definition('B'));
    state.unsynced = { cursor: '1-1', symbols: ['A', 'elsewhere'] };
    await sleep(30);
    expect(resyncs).toEqual([]);
    state.unsynced = { cursor: '1-2', symbols: ['A', 'B', 'elsewhere'] };
    await until(() => resyncs.length > 0);
    expect(resyncs).toEqual(['the engine has a gap: A']);
    await sleep(30);
    expect(resyncs).toHaveLength(1);
    await loop.stop();
  });
});

describe('several partitions', () => {
  // By crc16: A and C are of one, B of the other.
  const [one, other] = [partitionOf('A', 2), partitionOf('B', 2)];

  it('get the inputs of their own symbols, and all of them the time', async () => {
    expect([one, partitionOf('C', 2)]).toEqual([1 - other, one]);
    const { inputs, partitions, loop } = rig(2);
    loop.start();
    for (const input of [definition('A'), definition('B'), clock(1), definition('C')]) inputs.next(input);
    expect(partitions[one]?.pushed).toEqual(['symbol', '1', 'symbol']);
    expect(partitions[other]?.pushed).toEqual(['symbol', '1']);
    await loop.stop();
    expect(partitions.map(({ closed }) => closed)).toEqual([true, true]);
    expect(partitions[one]?.pushed.slice(3)).toEqual(['feed A down', 'feed C down']);
    expect(partitions[other]?.pushed.slice(2)).toEqual(['feed B down']);
  });

  it('do not lose an input because the queue of another is full', async () => {
    const { inputs, resyncs, partitions, loop } = rig(2);
    loop.start();
    inputs.next(definition('A'));
    inputs.next(definition('B'));
    (partitions[one] as { room: boolean }).room = false;
    for (const second of [1, 2, 3]) inputs.next(clock(second));
    expect(partitions.map(({ dropped }) => dropped)).toEqual(one === 0 ? [3, 0] : [0, 3]);
    expect(partitions[other]?.pushed).toEqual(['symbol', '1', '2', '3']);
    (partitions[one] as { room: boolean }).room = true;
    loop.onSinkRecovered(one);
    expect(resyncs).toEqual(['ingest dropped inputs: the inbox was full: A']);
    expect(partitions[one]?.pushed).toEqual(['symbol', 'feed A down']);
    await loop.stop();
  });

  it('resync alone when their own log begins a new epoch, or goes on in another Redis process', async () => {
    const { inputs, resyncs, partitions, loop } = rig(3);
    const symbols = ['A', 'B', 'C', 'D', 'E'];
    for (const its of partitions) its.epoch = 1_000;
    loop.start();
    for (const symbol of symbols) inputs.next(definition(symbol));
    await sleep(20);
    for (const [k, its] of partitions.entries()) {
      its.epoch = 2_000;
      await until(() => resyncs.length === k + 1);
      its.runId = 'b';
      await until(() => resyncs.length === k + 2);
      const ours = symbols.filter((symbol) => partitionOf(symbol, 3) === k);
      expect(resyncs.splice(k)).toEqual([`new epoch: ${ours}`, `another Redis process: ${ours}`]);
      resyncs.push('seen');
    }
    await loop.stop();
  });
});
