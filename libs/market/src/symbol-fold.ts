import type { BookStatus } from '@depthcast/protocol';

const NEVER = -1;

/** The scalar part of a symbol's state. Plain data. */
export interface SymbolFold {
  status: BookStatus;
  /** The producer whose feed is up: that of the last `up`, '' once it has said `down`. */
  feedSrc: string;
  /** Whether the venue's staying away has been told of since the last `up`. */
  unreachable: boolean;
  /** Last update id in the book: the venue's, or of a matched symbol its own count of changes. */
  last: number;
  /** Venue time of the last change of the book. */
  tsEventUs: number;
  /** Text of the last `market` price, '' before the first. */
  market: string;
  traded: boolean;
  /** Half ticks of the mid that was last published, -1 before the first. */
  mid: number;
  /** Best bid and ask that were last published: price, size, price, size in ticks and lots. */
  bbo: [number, number, number, number];
  /** Update id of the last quote. */
  quoteLast: number;
  /** Of a matched symbol the number of its last trade. */
  tradeId: number;
  /** What `last` had come to when the symbol was last matched here: its count goes on from there. */
  matchedLast: number;
  /** Of a matched symbol whether its feed has ever been up. */
  isOpen: boolean;
  /** Event-time second of the last checksum. */
  checksumSecond: number;
  /** Event time of the last `book_snapshot`. */
  snapshotUs: number;
}

export function emptyFold(): SymbolFold {
  return {
    status: 'buffering',
    feedSrc: '',
    unreachable: false,
    last: 0,
    tsEventUs: 0,
    market: '',
    traded: false,
    mid: NEVER,
    bbo: [NEVER, NEVER, NEVER, NEVER],
    quoteLast: NEVER,
    tradeId: 0,
    matchedLast: 0,
    isOpen: false,
    checksumSecond: NEVER,
    snapshotUs: NEVER,
  };
}
