import {
  type Cursor,
  cursorsEqual,
  DepthcastError,
  formatCursor,
  isSuccessor,
  tryParseCursor,
} from '@depthcast/protocol';

/** One record of the log. `payload` is a view of the whole reply: copy what outlives the batch. */
export interface LogEntry {
  readonly epoch: number;
  readonly offset: number;
  readonly topic: string;
  readonly payload: Buffer;
}

/** An entry does not follow the one before it: entries are missing, or the log is another. */
export class LogGapError extends DepthcastError {
  readonly expected: Cursor;
  /** The entry that came instead; `undefined` where the log has nothing after `expected`. */
  readonly got: Cursor | undefined;

  constructor(after: Cursor, got: Cursor | undefined) {
    super('LOG_GAP', `after ${formatCursor(after)} came ${got ? formatCursor(got) : 'nothing'}`);
    this.expected = after;
    this.got = got;
  }
}

/** As ioredis gives one stream's entries with buffers. */
export type RawEntry = [id: Buffer, fields: Buffer[]];

/** Topics recur: decoding each once saves a string an entry. Bounded, since an inbox can be written by hand. */
const TOPICS_MAX = 4_096;

/**
 * Decodes and checks a run of entries: every one must follow the one before. Costs about 0.2 µs an entry, most of it
 * the id; the topic is looked up by its bytes.
 */
export class EntryDecoder {
  readonly #topics = new Map<string, string>();

  /** @throws LogGapError at the first entry that does not follow; `after` undefined takes the first as it comes. */
  decode(raw: readonly RawEntry[], after: Cursor | undefined): LogEntry[] {
    const entries = new Array<LogEntry>(raw.length);
    let previous = after;
    for (let i = 0; i < raw.length; i++) {
      const [id, fields] = raw[i] as RawEntry;
      const cursor = parseId(id);
      const topic = this.#topic(fields[0] as Buffer);
      const payload = fields[1] as Buffer;
      if (previous && !(cursor.epoch === previous.epoch && cursor.offset === previous.offset + 1)) {
        if (!isSuccessor(previous, cursor, topic === 'epoch' ? previousTailOf(payload) : undefined)) {
          throw new LogGapError(previous, cursor);
        }
      }
      previous = cursor;
      entries[i] = { epoch: cursor.epoch, offset: cursor.offset, topic, payload };
    }
    return entries;
  }

  #topic(bytes: Buffer): string {
    const text = bytes.toString('latin1');
    const known = this.#topics.get(text);
    if (known !== undefined) return known;
    if (this.#topics.size >= TOPICS_MAX) this.#topics.clear();
    const topic = bytes.toString('utf8');
    this.#topics.set(text, topic);
    return topic;
  }
}

/** The `previous_tail` of an `epoch` event; `undefined` where it began an empty log. */
export function previousTailOf(payload: Buffer): Cursor | undefined {
  const { previous_tail: tail } = JSON.parse(payload.toString()) as { previous_tail: string | null };
  return tail === null ? undefined : tryParseCursor(tail);
}

/** Whether `cursor` is what the `epoch` event of `payload` follows. */
export function followsEpoch(cursor: Cursor, payload: Buffer): boolean {
  const tail = previousTailOf(payload);
  return tail !== undefined && cursorsEqual(tail, cursor);
}

function parseId(id: Buffer): Cursor {
  let epoch = 0;
  let i = 0;
  const length = id.length;
  for (; i < length; i++) {
    const c = id[i] as number;
    if (c === 45) break;
    epoch = epoch * 10 + (c - 48);
  }
  let offset = 0;
  for (i++; i < length; i++) offset = offset * 10 + ((id[i] as number) - 48);
  return { epoch, offset };
}
