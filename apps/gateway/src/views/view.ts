import { type BookReplica, L3Book, renderMbo, renderMbp, seedTime } from '@depthcast/book';
import { type Cursor, streamId, type ViewStream } from '@depthcast/protocol';
import { controlFrame } from '../fanout/format.ts';
import { noOrders } from './streams-of-orders.ts';

/** One rendering of a view: its frame, and the offset that orders it among others. */
export interface ViewFrame {
  /** The `id:` line, which only sessions of views alone are given. */
  readonly idLine: string;
  /** The frame without it. */
  readonly body: string;
  readonly sequence: number;
}

export interface ViewSource {
  book(symbol: string): BookReplica | undefined;
  /** The id of a frame that shows a book as of a cursor. */
  idOf(cursor: Cursor): string;
  /** No events come: what is shown may be old. */
  readonly isStale: boolean;
  /** Event time of the last clock event, µs: what ages are reckoned from, where the book's own is not newer. */
  readonly clockUs: number;
}

/** Stamps of a view that has no book to show, and of one of orders whose book has none; versions begin above them. */
const NOTHING = 0;
const REFUSED = 1;

/** A derived stream, `SYMBOL:MBP:N` or `SYMBOL:MBO:N`: rendered once a state of its book, however many watch it. */
export class View {
  readonly stream: ViewStream;
  readonly key: string;
  readonly #source: ViewSource;
  #stamp = NOTHING;
  #frame: ViewFrame | undefined;

  constructor(stream: ViewStream, source: ViewSource) {
    this.stream = stream;
    this.key = streamId(stream);
    this.#source = source;
  }

  /** Changes whenever the frame would; 0 while there is no book to show. */
  get stamp(): number {
    const replica = this.#source.book(this.stream.symbol);
    if (this.stream.type === 'MBO' && replica?.kind === 'levels') return REFUSED;
    if (!replica?.book) return NOTHING;
    return replica.version * 2 + (this.#isStale(replica) ? 1 : 0);
  }

  /** The newest frame; `undefined` while there is no book. */
  frame(): ViewFrame | undefined {
    const { stamp } = this;
    if (stamp !== this.#stamp) {
      const replica = this.#source.book(this.stream.symbol);
      if (stamp === REFUSED) this.#frame = refusal(this.stream);
      else this.#frame = replica && stamp !== NOTHING ? this.#render(replica) : undefined;
      this.#stamp = stamp;
    }
    return this.#frame;
  }

  #isStale(replica: BookReplica): boolean {
    return this.#source.isStale || replica.status !== 'synced';
  }

  #render(replica: BookReplica): ViewFrame | undefined {
    const { book, cursor, symbol, tsEventUs } = replica;
    if (!book || !cursor) return undefined;
    const { type, levels } = this.stream;
    const nowUs = Math.max(tsEventUs, this.#source.clockUs);
    const data =
      type === 'MBO' && book instanceof L3Book ? renderMbo(book, levels, nowUs) : renderMbp(book, levels, nowUs);
    const stale = this.#isStale(replica) ? ',"stale":true' : '';
    const body =
      `event: market_data\ndata: {"event":"market_data","stream_id":"${this.key}","symbol":"${symbol}",` +
      `"data":${data},"sequence":${cursor.offset},"timestamp":"${seedTime(tsEventUs / 1000)}"${stale}}\n\n`;
    return { idLine: `id: ${this.#source.idOf(cursor)}\n`, body, sequence: cursor.offset };
  }
}

/** What a view of orders sends, once, when its symbol turns out to have none: that was not known when it was asked for. */
function refusal(stream: ViewStream): ViewFrame {
  const { status, message } = noOrders(stream);
  const error = {
    event: 'error',
    code: status,
    message,
    stream_id: `${stream.symbol}:${stream.type}:${stream.levels}`,
  };
  return { idLine: '', body: controlFrame('error', JSON.stringify(error)), sequence: 0 };
}
