import { setTimeout as sleep } from 'node:timers/promises';
import type { UnstampedInput } from '@depthcast/protocol';
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

function rig() {
  const inputs = new Subject<UnstampedInput>();
  const resyncs: string[] = [];
  const venue: Venue = {
    name: 'test',
    inputs: () => inputs,
    resync: (reason, only) => void resyncs.push(only ? `${reason}: ${[...only]}` : reason),
  };
  const state = {
    unsynced: undefined as { cursor: string; symbols: string[] } | undefined,
    room: true,
    closed: false,
    epoch: undefined as number | undefined,
    runId: 'a',
    redisDown: false,
  };
  const pushed: string[] = [];
  let dropped = 0;
  let fatal: unknown;
  const loop = new IngestLoop({
    venue,
    sink: {
      push: (input) => {
        if (state.room) pushed.push(brief(input));
        return state.room;
      },
      close: async () => {
        state.closed = true;
      },
    },
    readTip: async () => {
      if (state.redisDown) throw new Error('Connection is closed.');
      return state.epoch === undefined ? undefined : { epoch: state.epoch, runId: state.runId };
    },
    readUnsynced: async () => state.unsynced,
    onInput: () => {},
    onDropped: () => dropped++,
    onFatal: (error) => {
      fatal = error;
    },
    info: () => {},
    tipPollMs: 5,
  });
  return { inputs, resyncs, state, pushed, loop, dropped: () => dropped, fatal: () => fatal };
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
    loop.onSinkRecovered();
    inputs.next(clock(4));
    expect(pushed).toEqual(['symbol', 'symbol', '1', 'feed A down', 'feed B down', '4']);
    expect(resyncs).toHaveLength(1);
    await loop.stop();
  });

  it('resyncs when the log begins a new epoch, and not for the first one it sees', async () => {
    const { resyncs, state, loop } = rig();
    loop.start();
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
    expect(resyncs).toEqual(['new epoch']);
    await loop.stop();
  });

  it('resyncs once when the log goes on in another Redis process', async () => {
    const { resyncs, state, loop } = rig();
    state.epoch = 1_000;
    loop.start();
    await sleep(20);
    expect(resyncs).toEqual([]);
    state.runId = 'b';
    await until(() => resyncs.length > 0);
    await sleep(20);
    expect(resyncs).toEqual(['another Redis process']);
    state.runId = 'c';
    state.epoch = 2_000;
    await until(() => resyncs.length > 1);
    await sleep(20);
    expect(resyncs).toEqual(['another Redis process', 'new epoch']);
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
