import { describe, expect, it } from '@jest/globals';
import { Slots } from './slots.ts';

describe('Slots', () => {
  it('lets as many work as there are, the others in their order, and turns away who would wait behind too many', async () => {
    const slots = new Slots(['a', 'b'], 2);
    const seen: string[] = [];
    const ends: (() => void)[] = [];
    const work = (name: string) =>
      slots.use(async (slot) => {
        seen.push(`${name} on ${slot}`);
        await new Promise<void>((resolve) => ends.push(resolve));
        if (name === '1') throw new Error('failed');
      });
    const works = ['1', '2', '3', '4'].map((name) => work(name).catch((error: Error) => error.message));
    await expect(work('5')).rejects.toMatchObject({ code: 'OVERLOADED' });
    expect(seen).toEqual(['1 on b', '2 on a']);
    ends.shift()?.();
    expect(await works[0]).toBe('failed');
    expect(seen.at(-1)).toBe('3 on b');
    while (ends.length > 0) {
      ends.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await Promise.all(works);
    expect(seen).toEqual(['1 on b', '2 on a', '3 on b', '4 on a']);
  });
});
