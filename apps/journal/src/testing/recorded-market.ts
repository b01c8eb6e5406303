import type { WireLevel } from '@depthcast/book';
import {
  type BookStatus,
  type Cursor,
  type EventOf,
  type Input,
  inputTopic,
  type LogEvent,
  type UnstampedInput,
} from '@depthcast/protocol';
import type { MemoryHistory } from './memory-history.ts';

export interface LiveBook {
  readonly status: BookStatus;
  readonly last: number;
  readonly bids: readonly WireLevel[];
  readonly asks: readonly WireLevel[];
  readonly orders?: Pick<EventOf<'book_orders'>, 'bids' | 'asks'>;
}

/** The engine's market, which only tests may know here. */
export interface LiveMarket {
  applyEntry(topic: string, payload: string): readonly LogEvent[];
  books(): readonly { readonly symbol: string; readonly book: LiveBook }[];
}

/** The engine's market, each of its events recorded, and its books as they were after an input. */
export class RecordedMarket {
  readonly #market: LiveMarket;
  readonly #history: MemoryHistory;
  #seq = 0;

  constructor(history: MemoryHistory, market: LiveMarket) {
    this.#market = market;
    this.#history = history;
    history.add({ topic: 'epoch', payload: '{"type":"epoch","epoch":1,"previous_tail":null,"reason":"start"}' });
  }

  get tail(): Cursor {
    return this.#history.tail as Cursor;
  }

  book(symbol: string): LiveBook | undefined {
    return this.#market.books().find((stored) => stored.symbol === symbol)?.book;
  }

  apply(input: UnstampedInput): void {
    const stamped = { ...input, src: 'test', seq: ++this.#seq } as Input;
    this.#history.add(...this.#market.applyEntry(inputTopic(stamped as { type: string }), JSON.stringify(stamped)));
  }
}
