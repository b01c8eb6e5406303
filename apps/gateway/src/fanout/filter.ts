import { PRIVATE_EVENT_TYPES, parseTopic } from '@depthcast/protocol';
import { type Topic, type TopicTable, topicText } from './topics.ts';

const UNKNOWN = 0;
const NO = 1;
const YES = 2;

export interface FilterExtras {
  /** Of the types and symbols, only the topics of these names; `undefined`: every pair of them. */
  readonly names?: Iterable<string>;
  /** Besides those names, these types of every symbol. */
  readonly every?: Iterable<string>;
  /** Whose private events it takes, of the types that are private; `undefined`: nobody's. */
  readonly account?: string;
}

/**
 * Which topics a session gets: types and symbols, `undefined` meaning all of them, or topics by name; of the private
 * ones those of its account. Decides once a topic; on the hot path it is one array read an entry.
 */
export class Filter {
  /** Sessions with equal keys share their frames. Names the account only where private types are wanted. */
  readonly key: string;
  /** The same of what is everybody's: filters with equal ones differ in nothing but their accounts. */
  readonly publicKey: string;
  readonly types: ReadonlySet<string> | undefined;
  readonly symbols: ReadonlySet<string> | undefined;
  /** Whose private events are wanted. */
  readonly account: string | undefined;
  readonly #topics: TopicTable;
  readonly #names: ReadonlySet<string> | undefined;
  readonly #every: ReadonlySet<string>;
  #verdicts = new Uint8Array(64);

  constructor(
    topics: TopicTable,
    types?: Iterable<string>,
    symbols?: Iterable<string>,
    { names, every = [], account }: FilterExtras = {},
  ) {
    this.#topics = topics;
    this.types = types && new Set(types);
    this.symbols = symbols && new Set(symbols);
    this.#names = names && new Set(names);
    this.#every = new Set(every);
    this.account = !this.#names && PRIVATE_EVENT_TYPES.some((type) => this.wantsType(type)) ? account : undefined;
    this.publicKey = this.#names
      ? `=${keyOf(this.#names)}+${keyOf(this.#every)}`
      : `${keyOf(this.types)}|${keyOf(this.symbols)}`;
    this.key = this.account === undefined ? this.publicKey : `${this.publicKey}|@${this.account}`;
  }

  /** Just these topics, by the names that {@link topicText} gives them, and these types of every symbol. */
  static ofNames(topics: TopicTable, names: readonly string[], every: readonly string[] = []): Filter {
    const parsed = names.map((name) => parseTopic(name.replace(/#.*/, '')));
    const symbols = parsed.map(({ symbol }) => symbol).filter((symbol) => symbol !== undefined);
    const types = parsed.map(({ type }) => type);
    return new Filter(topics, [...types, ...every], every.length > 0 ? undefined : symbols, { names, every });
  }

  /** A public topic, by its id. */
  matches(topicId: number): boolean {
    const verdict = this.#verdicts[topicId];
    return verdict === UNKNOWN || verdict === undefined ? this.#decide(topicId) : verdict === YES;
  }

  /** A private topic. No verdict is kept: there may be any number of them, with few entries each. */
  owns(topic: Topic): boolean {
    return this.account !== undefined && topic.account === this.account && this.#wants(topic);
  }

  /** A public topic, whether it is wanted or not. */
  topicOf(topicId: number): Topic {
    return this.#topics.byId(topicId);
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
    return this.#every.has(type) || (this.#names?.has(topicText(type, symbol, interval)) ?? true);
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

  /** An event of no symbol (clock, engine, epoch, an account's balances) is everybody's who asks for its type. */
  #wants(topic: Topic): boolean {
    if (this.#names) return this.#names.has(topic.text) || this.#every.has(topic.type);
    return this.wantsType(topic.type) && (topic.symbol === undefined || this.wantsSymbol(topic.symbol));
  }
}

function keyOf(set: ReadonlySet<string> | undefined): string {
  return set ? [...set].sort().join(',') : '*';
}
