import { describe, expect, it } from '@jest/globals';
import { Flights, FlightsFullError } from './flights.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

class Bench {
  readonly flights = new Flights<string>({ activeMax: 2, queuedMax: 3 });
  readonly landing: ((ok: boolean) => void)[] = [];
  readonly begun: string[] = [];

  run(key: string): Promise<string> {
    return this.flights.run(key, () => {
      this.begun.push(key);
      return new Promise((resolve, reject) => {
        this.landing.push((ok) => (ok ? resolve(key) : reject(new Error(key))));
      });
    });
  }
}

describe('readings', () => {
  it('are shared by key, a few at a time, in the order they were asked for, also when one fails', async () => {
    const bench = new Bench();
    const all = ['a', 'b', 'c', 'a', 'd', 'c'].map((key) => bench.run(key));
    const done = Promise.allSettled(all);
    await turn();
    expect(bench.begun).toEqual(['a', 'b']);
    bench.landing[0]?.(false);
    await turn();
    expect(bench.begun).toEqual(['a', 'b', 'c']);
    bench.landing[2]?.(true);
    bench.landing[1]?.(true);
    await turn();
    bench.landing[3]?.(true);
    expect((await done).map(({ status }) => status)).toEqual([
      'rejected',
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    void bench.run('a');
    await turn();
    expect(bench.begun).toEqual(['a', 'b', 'c', 'd', 'a']);
  });

  it('beyond the line are refused at once, but not those that are in it already', async () => {
    const bench = new Bench();
    for (const key of ['a', 'b', 'c', 'd', 'e']) void bench.run(key);
    await expect(bench.run('f')).rejects.toThrow(FlightsFullError);
    void bench.run('e');
  });

  it('under way are not shared after clear()', async () => {
    const bench = new Bench();
    const [old] = [bench.run('a')];
    bench.flights.clear();
    const young = bench.run('a');
    await turn();
    expect(bench.begun).toEqual(['a', 'a']);
    bench.landing[0]?.(true);
    await old;
    const same = bench.run('a');
    bench.landing[1]?.(true);
    await Promise.all([young, same]);
    expect(bench.begun).toHaveLength(2);
  });
});
