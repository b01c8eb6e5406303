import { renderMbp, seedTime } from '@depthcast/book';
import { formatCursor, streamId, type ViewStream } from '@depthcast/protocol';
import type { BookReplica } from './book-replica.ts';

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
  /** No events come: what is shown may be old. */
  readonly isStale: boolean;
}

/** A derived stream, `SYMBOL:MBP:N`: rendered once a state of its book, whoever and however many watch it. */
export class View {
  readonly stream: ViewStream;
  readonly key: string;
  readonly #source: ViewSource;
  #stamp = 0;
  #frame: ViewFrame | undefined;

  constructor(stream: ViewStream, source: ViewSource) {
    this.stream = stream;
    this.key = streamId(stream);
    this.#source = source;
  }

  /** Changes whenever the frame would; 0 while there is no book to show. */
  get stamp(): number {
    const replica = this.#source.book(this.stream.symbol);
    if (!replica?.book) return 0;
    return replica.version * 2 + (this.#isStale(replica) ? 1 : 0);
  }

  /** The newest frame; `undefined` while there is no book. */
  frame(): ViewFrame | undefined {
    const { stamp } = this;
    if (stamp !== this.#stamp) {
      const replica = this.#source.book(this.stream.symbol);
      this.#frame = replica && stamp !== 0 ? this.#render(replica) : undefined;
      this.#stamp = stamp;
    }
    return this.#frame;
  }

  #isStale(replica: BookReplica): boolean {
    return this.#source.isStale || replica.status !== 'synced';
  }

  #render(replica: BookReplica): ViewFrame | undefined {
    const { book, cursor, symbol } = replica;
    if (!book || !cursor) return undefined;
    const stale = this.#isStale(replica) ? ',"stale":true' : '';
    const body =
      `event: market_data\ndata: {"event":"market_data","stream_id":"${this.key}",` +
      `"symbol":"${symbol}","data":${renderMbp(book, this.stream.levels)},"sequence":${cursor.offset},` +
      `"timestamp":"${seedTime(replica.tsEventUs / 1000)}"${stale}}\n\n`;
    return { idLine: `id: ${formatCursor(cursor)}\n`, body, sequence: cursor.offset };
  }
}
