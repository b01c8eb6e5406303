const ID_LINE = Buffer.from('\nid: ');
const LF = 10;
const DASH = 45;
/** Longer than any line of an id: what is kept of one that came in two parts. */
const LINE_BYTES_MAX = 64;
const PROBLEMS_MAX = 5;

/**
 * Reads the ids of a stream of everything as they come, and sees that each is the last one's successor. A frame of an id
 * alone repeats the last one, or tells a client without any where it is.
 */
export class IdCheck {
  events = 0;
  readonly problems: string[] = [];
  /** Of the last id; -1 before the first. */
  offset: number;
  epoch: string;
  #rest: Buffer = Buffer.alloc(0);

  /** @param lastId what the client came with. */
  constructor(lastId: string | undefined) {
    const [epoch = '', offset = '-1'] = lastId?.split('-') ?? [];
    this.epoch = epoch;
    this.offset = Number(offset);
  }

  get lastId(): string | undefined {
    return this.offset < 0 ? undefined : `${this.epoch}-${this.offset}`;
  }

  push(part: Buffer): void {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, part]) : part;
    let at = bytes.indexOf(ID_LINE);
    let end = 0;
    while (at >= 0) {
      const start = at + ID_LINE.length;
      const lineEnd = bytes.indexOf(LF, start);
      if (lineEnd < 0) break;
      end = lineEnd;
      this.#take(bytes, start, lineEnd);
      at = bytes.indexOf(ID_LINE, lineEnd);
    }
    const from = at >= 0 ? at : Math.max(end, bytes.length - LINE_BYTES_MAX);
    // A copy: what came is read into the same memory again.
    this.#rest = Buffer.from(bytes.subarray(from));
  }

  /** A new connection goes on where this one ended. */
  restart(): void {
    this.#rest = Buffer.alloc(0);
  }

  #take(bytes: Buffer, start: number, end: number): void {
    const dash = bytes.indexOf(DASH, start);
    let offset = 0;
    for (let i = dash + 1; i < end; i++) offset = offset * 10 + (bytes[i] as number) - 48;
    const before = this.offset;
    if (before < 0) this.epoch = bytes.toString('latin1', start, dash);
    this.offset = offset;
    if (offset === before + 1) this.events++;
    else if (before >= 0 && offset !== before && this.problems.length < PROBLEMS_MAX) {
      this.problems.push(`${offset} after ${before}`);
    }
  }
}
