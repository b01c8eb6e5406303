import { EntryDecoder, LOG_LINES_TYPE, type LogEntry, readLogLines, type StoredBook } from '@depthcast/log';
import { type Cursor, DepthcastError, formatCursor, tryParseCursor } from '@depthcast/protocol';

/** The epochs that the journal has met, and the run of entries that it can give without a hole. */
export interface JournalTimeline {
  /** Oldest first; ordinals count from the journal's own beginning. */
  readonly epochs: readonly JournalEpoch[];
  /** `undefined`: nothing is stored yet. */
  readonly earliest: Cursor | undefined;
  readonly tail: Cursor | undefined;
}

export interface JournalEpoch {
  readonly epoch: number;
  readonly ordinal: number;
  readonly previousTail: Cursor | undefined;
}

/**
 * What the gateway asks of the journal.
 *
 * Every call rejects with a DepthcastError: `HISTORY_MISSING` when what was asked for is not kept, and
 * `HISTORY_UNAVAILABLE` when the journal does not answer in time, or not as it should.
 */
export interface JournalSource {
  /**
   * Entries that follow a cursor without a gap, at most `countMax` and perhaps fewer; none when nothing is stored after
   * it yet. Without a cursor: from the earliest that is kept. They come in slices, each of which is decoded when it is
   * asked for, or rejected as the call would be: none holds up this thread for long.
   */
  page(after: Cursor | undefined, countMax: number): Promise<Iterable<readonly LogEntry[]>>;
  timeline(): Promise<JournalTimeline>;
  /** The last cursor before the first event beyond a moment, ms since 1970. */
  cursorAt(ms: number): Promise<Cursor>;
  /** The books as of a cursor, of those of the symbols that had one. */
  books(at: Cursor, symbols: readonly string[]): Promise<readonly StoredBook[]>;
}

const LF = 10;
/** From the first byte sent to the last one received. */
const TIMEOUT_MS = 10_000;
/** A page is cut behind the line that reaches it. */
const PAGE_BYTES_MAX = 4 << 20;
/** One line, or one answer in JSON: a book of 100,000 orders has 5 MB. */
const ANSWER_BYTES_MAX = 64 << 20;
const NOT_FOUND = 404;

/** The journal over HTTP (JOURNAL_HTTP_URL). Connections are kept and used again. */
export class HttpJournalSource implements JournalSource {
  readonly #base: string;
  readonly #partition: string;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #timeoutMs: number;

  /** @param token what the journal wants to be shown (JOURNAL_TOKEN). */
  constructor(url: string, token?: string, { partition = 0, timeoutMs = TIMEOUT_MS } = {}) {
    this.#partition = String(partition);
    this.#base = new URL(url).origin;
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    this.#timeoutMs = timeoutMs;
  }

  async page(after: Cursor | undefined, countMax: number): Promise<Iterable<readonly LogEntry[]>> {
    const from = after ? { after: formatCursor(after) } : {};
    const chunks = await this.#get('log', { ...from, count: String(countMax) }, LOG_LINES_TYPE, PAGE_BYTES_MAX);
    return this.#slices(chunks, after);
  }

  *#slices(chunks: readonly Buffer[], after: Cursor | undefined): Iterable<readonly LogEntry[]> {
    const decoder = new EntryDecoder();
    let last = after;
    for (const lines of wholeLines(chunks)) {
      const previous = last;
      const entries = this.#read('log', () => readLogLines(lines, previous, decoder));
      yield entries;
      last = entries.at(-1);
    }
  }

  async timeline(): Promise<JournalTimeline> {
    return this.#json('timeline', {}, (answer: TimelineAnswer) => ({
      epochs: answer.epochs.map(({ epoch, ordinal, previous_tail: tail }) => ({
        epoch,
        ordinal,
        previousTail: optionalCursor(tail),
      })),
      earliest: optionalCursor(answer.earliest),
      tail: optionalCursor(answer.tail),
    }));
  }

  async cursorAt(ms: number): Promise<Cursor> {
    return this.#json('cursor', { at: String(ms) }, ({ cursor }: { cursor: string }) => cursorOf(cursor));
  }

  async books(at: Cursor, symbols: readonly string[]): Promise<readonly StoredBook[]> {
    const query = { at: formatCursor(at), symbols: symbols.join(',') };
    return this.#json('books', query, ({ books }: { books: readonly BookAnswer[] }) =>
      books.map(({ symbol, cursor, state }) => ({ symbol, cursor: cursorOf(cursor), state })),
    );
  }

  async #json<Answer, T>(what: string, query: Record<string, string>, read: (answer: Answer) => T): Promise<T> {
    const body = Buffer.concat(await this.#get(what, query, 'application/json'));
    return this.#read(what, () => read(JSON.parse(body.toString()) as Answer));
  }

  #read<T>(what: string, read: () => T): T {
    try {
      return read();
    } catch (error) {
      throw unavailable(`/internal/${what} answered what it should not`, error);
    }
  }

  /** The body in parts; of one with more than `cutBytes` its whole lines up to there, and at least one. */
  async #get(what: string, query: Record<string, string>, accept: string, cutBytes?: number): Promise<Buffer[]> {
    const url = `${this.#base}/internal/${what}?${new URLSearchParams({ partition: this.#partition, ...query })}`;
    try {
      const signal = AbortSignal.timeout(this.#timeoutMs);
      const response = await fetch(url, { signal, headers: { ...this.#headers, accept } });
      const body = await read(response, response.ok ? cutBytes : undefined);
      if (response.ok) return body;
      throw refusal(what, response.status, Buffer.concat(body));
    } catch (error) {
      if (error instanceof DepthcastError) throw error;
      throw unavailable(`/internal/${what} did not answer`, error);
    }
  }
}

interface TimelineAnswer {
  readonly epochs: readonly { epoch: number; ordinal: number; previous_tail: string | null }[];
  readonly earliest: string | null;
  readonly tail: string | null;
}

interface BookAnswer {
  readonly symbol: string;
  readonly cursor: string;
  readonly state: string;
}

async function read(response: Response, cutBytes: number | undefined): Promise<Buffer[]> {
  const chunks: Buffer[] = [];
  let length = 0;
  // Leaving the loop cancels the rest of the body.
  for await (const chunk of response.body ?? []) {
    const part = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    length += part.length;
    const lineEnd = cutBytes !== undefined && length >= cutBytes ? part.lastIndexOf(LF) : -1;
    chunks.push(lineEnd < 0 ? part : part.subarray(0, lineEnd + 1));
    if (lineEnd >= 0) break;
    if (length > ANSWER_BYTES_MAX) throw new Error(`more than ${ANSWER_BYTES_MAX} bytes came`);
  }
  return chunks;
}

/** Parts of a body, of some 64 KiB each as they come, as whole lines: only the line between two of them is copied. */
function* wholeLines(chunks: readonly Buffer[]): Iterable<Buffer> {
  let begun: Buffer[] = [];
  for (const chunk of chunks) {
    const first = begun.length > 0 ? chunk.indexOf(LF) + 1 : 0;
    const last = chunk.lastIndexOf(LF) + 1;
    if (begun.length > 0 && first > 0) {
      yield Buffer.concat([...begun, chunk.subarray(0, first)]);
      begun = [];
    }
    if (last > first) yield chunk.subarray(first, last);
    if (last < chunk.length) begun.push(chunk.subarray(last));
  }
  if (begun.length > 0) yield Buffer.concat(begun);
}

function refusal(what: string, status: number, body: Buffer): DepthcastError {
  const answer = tryJson(body) as { error?: string; message?: string } | undefined;
  if (status === NOT_FOUND && answer?.error === 'HISTORY_MISSING') {
    return new DepthcastError('HISTORY_MISSING', answer.message ?? 'the journal does not keep it');
  }
  return unavailable(`/internal/${what} answered ${status}${answer?.message ? `: ${answer.message}` : ''}`);
}

function unavailable(message: string, cause?: unknown): DepthcastError {
  return new DepthcastError('HISTORY_UNAVAILABLE', `the journal's ${message}`, { cause });
}

function tryJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}

function cursorOf(text: string): Cursor {
  const cursor = tryParseCursor(text);
  if (!cursor) throw new Error(`${JSON.stringify(text)} is no cursor`);
  return cursor;
}

function optionalCursor(text: string | null): Cursor | undefined {
  return text === null ? undefined : cursorOf(text);
}
