import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Ranked, Ranking } from './ranking.ts';

interface Item extends Ranked {
  readonly name: number;
}

const named = (name: number): Item => ({ name, rank: 0, place: 0 });

it('has at its top one of the highest rank, and put in anew as it lists its items it is the same', () => {
  const move = fc.record({ name: fc.nat(4), up: fc.boolean(), anew: fc.integer({ min: 0, max: 9 }) });
  fc.assert(
    fc.property(fc.array(move, { maxLength: 100 }), (moves) => {
      const items = Array.from({ length: 5 }, (_, name) => named(name));
      const ranking = new Ranking<Item>();
      let [twin, twins] = [new Ranking<Item>(), items.map(({ name }) => named(name))];
      for (const { name, up, anew } of moves) {
        if (anew === 0) {
          const [next, listed] = [new Ranking<Item>(), twin.items().map(({ name, rank }) => ({ name, rank }))];
          twins = twins.map(({ name }) => named(name));
          for (const { name, rank } of listed) next.put(twins[name] as Item, rank);
          twin = next;
        }
        const item = items[name] as Item;
        const rank = Math.max(0, item.rank + (up ? 1 : -1));
        ranking.put(item, rank);
        twin.put(twins[name] as Item, rank);
        const ranks = items.map((other) => other.rank);
        expect(ranking.top?.rank ?? 0).toBe(Math.max(...ranks));
        expect(ranking.items().map((other) => other.rank)).toEqual(ranks.filter((n) => n > 0).sort((a, b) => a - b));
        expect(twin.items().map((other) => other.name)).toEqual(ranking.items().map((other) => other.name));
      }
    }),
  );
});
