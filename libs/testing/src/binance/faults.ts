/** What goes wrong on the stream, at one diff of one symbol. */
export type StreamFaultKind =
  /** The diff is never sent. */
  | 'drop-diff'
  /** The diff is sent twice. */
  | 'duplicate-diff'
  /** The diff is sent after the one that follows it. */
  | 'reorder-diffs'
  /** The diff's message is cut in the middle. */
  | 'bad-json'
  /** The diff has a price between two ticks. */
  | 'off-tick'
  /** The diff has a price that is no number. */
  | 'bad-price'
  /** After the diff the connection breaks without a goodbye. */
  | 'disconnect'
  /** After the diff the connection stays open and silent. */
  | 'stall'
  /** After the diff the venue announces that it is going away, and then does. */
  | 'server-shutdown';

export interface StreamFault {
  readonly kind: StreamFaultKind;
  readonly symbol: string;
  /** How many diffs of the symbol pass before. Default 0: the next one. */
  readonly after?: number;
}

/** What goes wrong at the next depth requests. */
export interface RestFault {
  readonly kind: /** The book as it was when the fake started: correct, and older than any diff still held. */
    | 'stale-snapshot'
    /** 429 or 418 with Retry-After. */
    | 'rate-limit'
    | 'http-error'
    /** A snapshot that is cut in the middle. */
    | 'bad-snapshot'
    /** No answer at all. */
    | 'hang';
  readonly symbol: string;
  /** How many requests it lasts. Default 1. */
  readonly times?: number;
  readonly status?: number;
  /** Seconds, in Retry-After. Without it the header is left out. */
  readonly retryAfterS?: number;
}

export type Fault = StreamFault | RestFault;

const REST_KINDS = new Set<Fault['kind']>(['stale-snapshot', 'rate-limit', 'http-error', 'bad-snapshot', 'hang']);

export function isRestFault(fault: Fault): fault is RestFault {
  return REST_KINDS.has(fault.kind);
}

/** The faults yet to come; each is taken once it is due. */
export class FaultScript {
  readonly #stream: { fault: StreamFault; left: number }[] = [];
  readonly #rest: { fault: RestFault; left: number }[] = [];

  add(fault: Fault): void {
    if (isRestFault(fault)) this.#rest.push({ fault, left: fault.times ?? 1 });
    else this.#stream.push({ fault, left: fault.after ?? 0 });
  }

  /** The faults due at the next diff of the symbol. */
  atDiff(symbol: string): StreamFaultKind[] {
    const due: StreamFaultKind[] = [];
    for (const entry of [...this.#stream]) {
      if (entry.fault.symbol !== symbol || entry.left-- > 0) continue;
      due.push(entry.fault.kind);
      this.#stream.splice(this.#stream.indexOf(entry), 1);
    }
    return due;
  }

  /** The fault of the next depth request of the symbol. */
  atRequest(symbol: string): RestFault | undefined {
    const entry = this.#rest.find(({ fault }) => fault.symbol === symbol);
    if (entry && --entry.left <= 0) this.#rest.splice(this.#rest.indexOf(entry), 1);
    return entry?.fault;
  }
}
