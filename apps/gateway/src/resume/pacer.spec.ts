import { describe, expect, it } from '@jest/globals';
import { Pacer } from './pacer.ts';

const KIB = 1 << 10;
const ALL_OF_IT = { share: 1, bytesPerSecondMax: Number.POSITIVE_INFINITY };

describe('work that can wait', () => {
  it('moves no more bytes than it may, whoever asks', async () => {
    const pacer = new Pacer({ ...ALL_OF_IT, bytesPerSecondMax: 1_000 * KIB });
    const startsMs: number[] = [];
    const slices = Array.from({ length: 6 }, () =>
      pacer.run(() => {
        startsMs.push(performance.now());
        return 20 * KIB;
      }),
    );
    await Promise.all(slices);
    const tookMs = (startsMs.at(-1) as number) - (startsMs[0] as number);
    // Five rests of 20 ms each; a timer may be a millisecond early.
    expect(tookMs).toBeGreaterThan(98);
  });

  it('lets a turn of the loop pass between two slices, in the order in which they were asked for', async () => {
    const pacer = new Pacer(ALL_OF_IT);
    const seen: string[] = [];
    const slice = (name: string) =>
      pacer.run(() => {
        seen.push(name);
        setImmediate(() => seen.push(`after ${name}`));
        return 0;
      });
    await Promise.all([slice('a'), slice('b'), slice('c')]);
    expect(seen).toEqual(['a', 'after a', 'b', 'after b', 'c']);
  });

  it('goes on after a slice that failed', async () => {
    const pacer = new Pacer(ALL_OF_IT);
    const failing = pacer.run(() => {
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await pacer.run(() => 7)).toBe(7);
  });

  it('lets a crowd have more, so that each of it gets on', async () => {
    const pacer = new Pacer({ ...ALL_OF_IT, bytesPerSecondMax: 100 * KIB, bytesPerSecondEach: 100 * KIB });
    const startedMs = performance.now();
    const slices = Array.from({ length: 40 }, () => pacer.run(() => 10 * KIB));
    await Promise.all(slices.slice(0, 30));
    // 100 ms each for one who is alone; the first thirty of forty are through in some 135.
    expect(performance.now() - startedMs).toBeLessThan(1_000);
    expect(performance.now() - startedMs).toBeGreaterThan(100);
  });

  it('charges what is done later to those who come after it', async () => {
    const pacer = new Pacer({ ...ALL_OF_IT, bytesPerSecondMax: 1_000 * KIB });
    await pacer.turn();
    pacer.charge(() => 100 * KIB);
    const startedMs = performance.now();
    await pacer.turn();
    await pacer.turn();
    expect(performance.now() - startedMs).toBeGreaterThan(90);
  });
});
