/** An item of a {@link Ranking}, which alone writes these. */
export interface Ranked {
  /** 0 when it is not in the ranking. */
  rank: number;
  /** Index among those of its rank. */
  place: number;
}

/**
 * Items by rank, a whole number. One that moves by a step costs a step, however many there are, and which of them is
 * the top is decided by what {@link items} lists, so that a restored ranking goes on with the same.
 */
export class Ranking<T extends Ranked> {
  /** By rank; the last one is not empty. Nothing has rank 0. */
  readonly #ranks: T[][] = [[]];

  /** One of the highest rank. */
  get top(): T | undefined {
    return this.#ranks.at(-1)?.at(-1);
  }

  /** By rank, the lowest first. Each put in anew in this order, they are the same ranking. */
  items(): T[] {
    return this.#ranks.flat();
  }

  /** @param rank 0 takes it out. */
  put(item: T, rank: number): void {
    const ranks = this.#ranks;
    if (item.rank > 0) this.#takeOut(item);
    item.rank = rank;
    if (rank > 0) {
      while (ranks.length <= rank) ranks.push([]);
      const peers = ranks[rank] as T[];
      item.place = peers.length;
      peers.push(item);
    }
    while (ranks.length > 1 && ranks.at(-1)?.length === 0) ranks.pop();
  }

  /** The last of its rank takes its place. */
  #takeOut(item: T): void {
    const peers = this.#ranks[item.rank] as T[];
    const last = peers.pop() as T;
    if (last === item) return;
    peers[item.place] = last;
    last.place = item.place;
  }
}
