import { describe, expect, it, jest } from '@jest/globals';
import { Backoff } from './backoff.ts';
import { type Running, Supervised, type Verdict } from './supervised.ts';

describe('the delay before a restart', () => {
  it('doubles from 250 ms to 10 s, and starts over after 30 s of life', () => {
    const backoff = new Backoff();
    const delays = Array.from({ length: 8 }, () => backoff.next(29_999));
    expect(delays).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    expect(backoff.next(30_000)).toBe(250);
    expect(backoff.next(0)).toBe(500);
  });
});

/** A process whose end the test decides. */
class Fake implements Running {
  readonly calls: string[] = [];
  readonly exited: Promise<number | null>;
  readonly obeys: boolean;
  #exit: (code: number | null) => void = () => {};

  constructor(obeys = true) {
    this.obeys = obeys;
    this.exited = new Promise((resolve) => {
      this.#exit = resolve;
    });
  }

  exit(code: number | null): void {
    this.#exit(code);
  }

  stop(): void {
    this.calls.push('stop');
    if (this.obeys) this.exit(0);
  }

  kill(): void {
    this.calls.push('kill');
    this.exit(null);
  }
}

describe('a supervised process', () => {
  const setup = (verdict: Verdict = 'restart', obeys = true) => {
    const runs: Fake[] = [];
    const said: string[] = [];
    const onEnd = jest.fn();
    const supervised = new Supervised({
      run: () => {
        const fake = new Fake(obeys);
        runs.push(fake);
        return fake;
      },
      judge: () => verdict,
      say: (message) => said.push(message),
      onEnd,
      backoff: new Backoff({ firstMs: 10, maxMs: 20, healthyMs: 60_000 }),
    });
    supervised.start();
    return { supervised, runs, said, onEnd };
  };
  const ms = (n: number) => new Promise((resolve) => setTimeout(resolve, n));

  it('is started again after a crash, later each time', async () => {
    const { supervised, runs, said } = setup();
    for (let crash = 0; crash < 3; crash++) {
      await ms(40);
      runs.at(-1)?.exit(crash === 1 ? null : 3);
    }
    await ms(40);
    expect(runs).toHaveLength(4);
    expect(said).toEqual([
      'exited with 3: again in 10 ms',
      'was killed: again in 20 ms',
      'exited with 3: again in 20 ms',
    ]);
    await supervised.stop(1_000);
  });

  it('ends everything when its exit says that it can never run', async () => {
    const { runs, onEnd } = setup('end');
    await ms(1);
    runs[0]?.exit(2);
    await ms(40);
    expect(onEnd).toHaveBeenCalledWith(2);
    expect(runs).toHaveLength(1);
  });

  it('is left alone when its end is no crash', async () => {
    const { runs, onEnd } = setup('leave');
    await ms(1);
    runs[0]?.exit(0);
    await ms(40);
    expect(onEnd).not.toHaveBeenCalled();
    expect(runs).toHaveLength(1);
  });

  it('is asked to stop, and killed when it does not', async () => {
    const { supervised, runs, said } = setup('restart', false);
    await ms(1);
    await supervised.stop(50);
    expect(runs[0]?.calls).toEqual(['stop', 'kill']);
    expect(said).toEqual(['did not stop within 0.05 s: killed']);
    expect(runs).toHaveLength(1);
  });

  it('stops while it waits to be started again', async () => {
    const { supervised, runs } = setup();
    await ms(1);
    runs[0]?.exit(1);
    await ms(1);
    await supervised.stop(1_000);
    await ms(40);
    expect(runs).toHaveLength(1);
  });

  it('restarts at once when its code has changed', async () => {
    const { supervised, runs, said } = setup();
    await ms(1);
    supervised.restart();
    await ms(5);
    expect(runs).toHaveLength(2);
    expect(said).toEqual([]);
    await supervised.stop(1_000);
  });

  it('reports what kept it from starting, and tries again', async () => {
    const said: string[] = [];
    const supervised = new Supervised({
      run: () => {
        throw new Error('no such file');
      },
      judge: () => 'restart',
      say: (message) => said.push(message),
      onEnd: () => {},
      backoff: new Backoff({ firstMs: 10, maxMs: 20, healthyMs: 60_000 }),
    });
    supervised.start();
    await ms(5);
    await supervised.stop(1_000);
    expect(said).toEqual(['no such file', 'exited with 1: again in 10 ms']);
  });
});
