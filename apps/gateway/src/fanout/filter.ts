import { parseTopic } from '@depthcast/protocol';
import { type Topic, type TopicTable, topicText } from './topics.ts';

const UNKNOWN = 0;
const NO = 1;
const YES = 2;

/**
 * Which topics a session gets: types and symbols, `undefined` meaning all of them, or topics by name. Decides once a
 * topic; on the hot path it is one array read an entry.
 */
export class Filter {
  /** Sessions with equal keys share their frames. */
  readonly key: string;
  readonly types: ReadonlySet<string> | undefined;
  readonly symbols: ReadonlySet<string> | undefined;
  readonly #topics: TopicTable;
  /** Of the types and symbols, only these; `undefined`: every pair of them. */
  readonly #names: ReadonlySet<string> | undefined;
  #verdicts = new Uint8Array(64);

  constructor(topics: TopicTable, types?: Iterable<string>, symbols?: Iterable<string>, names?: Iterable<string>) {
    this.#topics = topics;
    this.types = types && new Set(types);
    this.symbols = symbols && new Set(symbols);
    this.#names = names && new Set(names);
    this.key = this.#names ? `=${keyOf(this.#names)}` : `${keyOf(this.types)}|${keyOf(this.symbols)}`;
  }

  /** Just these topics, by the names that {@link topicText} gives them. */
  static ofNames(topics: TopicTable, names: readonly string[]): Filter {
    const parsed = names.map((name) => parseTopic(name.replace(/#.*/, '')));
    const symbols = parsed.map(({ symbol }) => symbol).filter((symbol) => symbol !== undefined);
    const types = parsed.map(({ type }) => type);
    return new Filter(topics, types, symbols, names);
  }

  matches(topicId: number): boolean {
    const verdict = this.#verdicts[topicId];
    return verdict === UNKNOWN || verdict === undefined ? this.#decide(topicId) : verdict === YES;
  }

  wantsType(type: string): boolean {
    return this.types?.has(type) ?? true;
  }

  wantsSymbol(symbol: string): boolean {
    return this.symbols?.has(symbol) ?? true;
  }

  /** Whether it wants a symbol's events of a type; of klines, those of an interval. */
  wantsEvents(type: string, symbol: string, interval?: string): boolean {
    if (!this.wantsType(type) || !this.wantsSymbol(symbol)) return false;
    return this.#names?.has(topicText(type, symbol, interval)) ?? true;
  }

  #decide(topicId: number): boolean {
    if (topicId >= this.#verdicts.length) {
      const grown = new Uint8Array(Math.max(topicId + 1, this.#verdicts.length * 2));
      grown.set(this.#verdicts);
      this.#verdicts = grown;
    }
    const wanted = this.#wants(this.#topics.byId(topicId));
    this.#verdicts[topicId] = wanted ? YES : NO;
    return wanted;
  }

  /** An event of no symbol (clock, engine, epoch) is everybody's who asks for its type. */
  #wants(topic: Topic): boolean {
    if (topic.isPrivate) return false;
    if (this.#names) return this.#names.has(topic.text);
    return this.wantsType(topic.type) && (topic.symbol === undefined || this.wantsSymbol(topic.symbol));
  }
}

function keyOf(set: ReadonlySet<string> | undefined): string {
  return set ? [...set].sort().join(',') : '*';
}
