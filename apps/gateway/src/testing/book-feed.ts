import { L2Book } from '@depthcast/book';
import { Scale } from '@depthcast/protocol';

const TS_NS = '1704067200000000000';
const LEVELS_MAX = 30;

/** One symbol's book events as the engine writes them, every other one with a checksum. */
export class BookFeed {
  readonly symbol: string;
  readonly book = new L2Book(Scale.ofStep('0.1'), Scale.ofStep('0.1'));
  last = 1;

  constructor(symbol: string) {
    this.symbol = symbol;
  }

  /** The whole book, with which the symbol begins. */
  begin(): { topic: string; payload: string } {
    this.book.replace([['100.0', '1.0']], [['101.0', '1.0']]);
    return this.#event(true, this.book.wireLevels('bid'), this.book.wireLevels('ask'));
  }

  /** A change that depends on `n` alone. */
  change(n: number): { topic: string; payload: string } {
    const step = n % LEVELS_MAX;
    const bids: [string, string][] = [[`${(100 - step / 10).toFixed(1)}`, `${(n % 7).toFixed(1)}`]];
    const asks: [string, string][] = [[`${(101 + step / 10).toFixed(1)}`, `${(n % 5).toFixed(1)}`]];
    this.book.apply(bids, asks);
    this.last++;
    return this.#event(false, bids, asks);
  }

  status(status: string): { topic: string; payload: string } {
    const payload = `{"type":"book_status","symbol":"${this.symbol}","ts_ns":${TS_NS},"status":"${status}"}`;
    return { topic: `book_status:${this.symbol}`, payload };
  }

  #event(isSnapshot: boolean, bids: [string, string][], asks: [string, string][]) {
    const checksum = this.last % 2 === 0 || isSnapshot ? `,"checksum":${this.book.checksum()}` : '';
    const payload =
      `{"type":"book_change","symbol":"${this.symbol}","ts_ns":${TS_NS},"is_snapshot":${isSnapshot},` +
      `"first":${this.last},"last":${this.last},"bids":${JSON.stringify(bids)},"asks":${JSON.stringify(asks)}${checksum}}`;
    return { topic: `book_change:${this.symbol}`, payload };
  }
}

/** A client's book out of an L2 stream: every delta must follow, every checksum must agree. */
export class BookFollower {
  book: L2Book | undefined;
  last = 0;
  checksums = 0;

  /** A `book_change`'s data. */
  apply(data: string): void {
    const change = JSON.parse(data) as {
      is_snapshot: boolean;
      first: number;
      last: number;
      bids: [string, string][];
      asks: [string, string][];
      checksum?: number;
    };
    if (change.is_snapshot) {
      this.book = new L2Book(Scale.ofStep('0.1'), Scale.ofStep('0.1'));
      this.book.replace(change.bids, change.asks);
    } else {
      if (!this.book) throw new Error('a delta came before the book');
      if (change.first !== this.last + 1) throw new Error(`${change.first} came after ${this.last}`);
      this.book.apply(change.bids, change.asks);
    }
    this.last = change.last;
    if (change.checksum === undefined) return;
    this.checksums++;
    if (change.checksum !== this.book.checksum()) throw new Error(`the checksum differs at ${change.last}`);
  }
}
