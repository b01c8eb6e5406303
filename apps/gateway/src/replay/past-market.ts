import type { LogEntry, StoredBook } from '@depthcast/log';
import type { Cursor } from '@depthcast/protocol';
import type { Segment } from '../fanout/segment.ts';
import { PRIVATE_TOPIC_ID, type Topic, type TopicTable } from '../fanout/topics.ts';
import type { Window } from '../fanout/window.ts';
import { MarketState } from '../views/market-state.ts';
import { ViewHub } from '../views/view-hub.ts';

export interface PastMarketOptions {
  readonly topics: TopicTable;
  /** As of where it begins. */
  readonly books: readonly StoredBook[];
  /** `undefined`: every symbol that comes. */
  readonly symbols: ReadonlySet<string> | undefined;
  /** The id of a frame that shows a book as of a cursor. */
  readonly idOf: (cursor: Cursor) => string;
  readonly nowMs: () => number;
  readonly onMismatch: (symbol: string, reason: string) => void;
}

/** How things stood at a moment of the past, moved on with the log from there, and the views of one session on it. */
export class PastMarket {
  readonly state: MarketState;
  readonly hub: ViewHub;
  readonly #topics: TopicTable;
  readonly #symbols: ReadonlySet<string> | undefined;

  constructor({ topics, books, symbols, idOf, nowMs, onMismatch }: PastMarketOptions) {
    this.#topics = topics;
    this.#symbols = symbols;
    this.state = new MarketState({
      onMismatch,
      onBookChanged: (replica) => this.hub.onBookChanged(replica),
      onSymbol: (symbol) => this.hub.onSymbol(symbol),
    });
    const { state } = this;
    this.hub = new ViewHub(
      {
        book: (symbol) => state.book(symbol),
        idOf,
        isStale: false,
        get clockUs() {
          return state.clockUs;
        },
      },
      nowMs,
    );
    this.state.restart(books);
    this.hub.resume();
  }

  /** The entries at the positions `from` to `to - 1` of a page have happened. */
  apply(page: Window, from: number, to: number): void {
    forEntries(page, from, to, this.#topics, (segment, index, topic) => {
      if (topic.symbol === undefined ? topic.type !== 'clock' : this.#symbols?.has(topic.symbol) === false) return true;
      const entry: LogEntry = {
        epoch: segment.epoch,
        offset: segment.baseOffset + index,
        topic: topic.text,
        payload: segment.payloadAt(index, topic),
      };
      this.state.apply(entry, topic);
      return true;
    });
    this.state.endBatch();
    this.hub.endBatch();
  }
}

/** Each entry of a part of a page; `visit` may end it by returning false. */
export function forEntries(
  page: Window,
  from: number,
  to: number,
  topics: TopicTable,
  visit: (segment: Segment, index: number, topic: Topic) => boolean,
): void {
  for (let position = from; position < to; ) {
    const segment = page.segmentAt(position);
    const end = Math.min(segment.count, to - segment.basePosition);
    for (let i = position - segment.basePosition; i < end; i++) {
      const id = segment.topics[i] as number;
      const topic = id === PRIVATE_TOPIC_ID ? segment.privateAt(i) : topics.byId(id);
      if (!visit(segment, i, topic)) return;
    }
    position = segment.basePosition + end;
  }
}
