import type { BookReplica } from '@depthcast/book';
import { controlFrame } from '../../fanout/format.ts';
import { frameOf, packetHead, packetsOf, socketEventOf } from '../../fanout/packets.ts';
import { topicText } from '../../fanout/topics.ts';
import type { Partitions } from '../../partitions/partitions.ts';
import { bookStatus } from '../../resume/snapshot-frames.ts';
import { bestPrices } from '../../views/best-prices.ts';

const TYPE = 'bbo';

/**
 * The newest best prices of every symbol that has some, as `request_initial_data` is answered. One rendering for all
 * who ask before the next event. Before them the status of each book that is not in sync, whose prices may be old. They
 * carry no cursor: what a client has been sent of the log is not changed by them.
 */
export class InitialData {
  readonly #partitions: Partitions;
  /** By partition. */
  readonly #positions: number[] = [];
  #bytes: Buffer = Buffer.alloc(0);

  constructor(partitions: Partitions) {
    this.#partitions = partitions;
  }

  get bytes(): Buffer {
    const { all, symbols } = this.#partitions;
    if (all.every(({ window }, i) => this.#positions[i] === window.end)) return this.#bytes;
    const head = packetHead(socketEventOf(TYPE));
    const known = symbols.map((symbol) => {
      const { state } = this.#partitions.of(symbol);
      const last = state.lastValue(topicText(TYPE, symbol));
      return last?.toString() ?? bestPrices(state.book(symbol) as BookReplica, Date.now());
    });
    const frames = known.filter((payload) => payload !== undefined).map((payload) => frameOf(`${head}${payload}]`));
    this.#bytes = Buffer.concat([packetsOf(this.#doubts(symbols)), ...frames]);
    for (const [i, { window }] of all.entries()) this.#positions[i] = window.end;
    return this.#bytes;
  }
  #doubts(symbols: readonly string[]): string {
    const books = symbols.map((symbol) => this.#partitions.of(symbol).state.book(symbol));
    return books
      .map((book) => (book && book.status !== 'synced' ? controlFrame('book_status', bookStatus(book)) : ''))
      .join('');
  }
}
