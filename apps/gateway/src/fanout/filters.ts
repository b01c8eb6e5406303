import { Filter } from './filter.ts';
import type { TopicTable } from './topics.ts';

/** Those asked for last; what is forgotten is made anew for whoever comes. */
const FILTERS_MAX = 256;

/** One filter for all who want the same: with its verdicts it is the largest thing that a session would have. */
export class Filters {
  readonly #topics: TopicTable;
  readonly #known = new Map<string, Filter>();

  constructor(topics: TopicTable) {
    this.#topics = topics;
  }

  /** As the constructor of {@link Filter}. */
  of(types: readonly string[] | undefined, symbols: readonly string[] | undefined, account?: string): Filter {
    const key = `${types ?? '*'}|${symbols ?? '*'}|${account ?? ''}`;
    return this.#of(key, () => new Filter(this.#topics, types, symbols, account === undefined ? {} : { account }));
  }

  /** As {@link Filter.ofNames}. */
  ofNames(names: readonly string[], every: readonly string[] = []): Filter {
    return this.#of(`=${names}+${every}`, () => Filter.ofNames(this.#topics, names, every));
  }

  #of(key: string, make: () => Filter): Filter {
    const filter = this.#known.get(key) ?? make();
    this.#known.delete(key);
    this.#known.set(key, filter);
    if (this.#known.size > FILTERS_MAX) this.#known.delete(this.#known.keys().next().value as string);
    return filter;
  }
}
