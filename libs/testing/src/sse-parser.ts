/** One block of an SSE stream, up to and with its blank line, as it came. */
export interface SseFrame {
  /** This frame's own `id:`; undefined when it has none or it is ignored (it holds a NUL). */
  readonly id: string | undefined;
  /** `message` when the frame names none. */
  readonly event: string;
  /** Its `data:` lines, joined by newlines. */
  readonly data: string;
  readonly retry: number | undefined;
  /** Lines that begin with a colon, without it. */
  readonly comments: readonly string[];
  /** Every field, unknown ones such as `prev` too; the last value of each. */
  readonly fields: Readonly<Record<string, string>>;
  /** Whether a browser would have fired an event: it does not without data. */
  readonly dispatched: boolean;
  /** The bytes, as text, blank line included. */
  readonly raw: string;
}

/**
 * The stream format of the HTML standard (9.2.6), to the letter, except that nothing is thrown away: comments,
 * unknown fields and frames without data come out as well.
 */
export class SseParser {
  /** What a browser would send as Last-Event-ID now. */
  lastEventId: string;
  /** What a browser would wait before it reconnects, once the server has said so. */
  retryMs: number | undefined;
  #idBuffer: string;
  #rest = '';
  /** Where the line that is not whole yet begins in #rest. */
  #lineStart = 0;
  #started = false;

  constructor(lastEventId = '') {
    this.lastEventId = lastEventId;
    this.#idBuffer = lastEventId;
  }

  /** The frames that this piece of the stream completes. */
  push(text: string): SseFrame[] {
    if (text === '') return [];
    this.#rest += this.#started ? text : text.replace(/^\uFEFF/, '');
    this.#started = true;
    const rest = this.#rest;
    const frames: SseFrame[] = [];
    let frameStart = 0;
    let lineStart = this.#lineStart;
    for (;;) {
      const lineEnd = endOfLine(rest, lineStart);
      // A CR at the very end may be half of a CRLF.
      if (lineEnd < 0 || (rest[lineEnd] === '\r' && lineEnd + 1 === rest.length)) break;
      const next = lineEnd + (rest.startsWith('\r\n', lineEnd) ? 2 : 1);
      if (lineEnd === lineStart) {
        if (lineStart > frameStart) frames.push(this.#read(rest.slice(frameStart, next)));
        frameStart = next;
      }
      lineStart = next;
    }
    this.#rest = rest.slice(frameStart);
    this.#lineStart = lineStart - frameStart;
    return frames;
  }

  #read(raw: string): SseFrame {
    let id: string | undefined;
    let event = '';
    const data: string[] = [];
    let retry: number | undefined;
    const comments: string[] = [];
    const fields: Record<string, string> = {};
    for (const line of raw.split(/\r\n|\n|\r/)) {
      if (line === '') continue;
      const colon = line.indexOf(':');
      if (colon === 0) {
        comments.push(line.slice(1));
        continue;
      }
      const name = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
      fields[name] = value;
      if (name === 'event') event = value;
      else if (name === 'data') data.push(value);
      else if (name === 'id' && !value.includes('\0')) id = value;
      else if (name === 'retry' && /^\d+$/.test(value)) retry = Number(value);
    }
    if (id !== undefined) this.#idBuffer = id;
    if (retry !== undefined) this.retryMs = retry;
    this.lastEventId = this.#idBuffer;
    const text = data.join('\n');
    // The standard looks at the data buffer, to which every data line has added a newline: `data:` alone counts.
    return { id, event: event || 'message', data: text, retry, comments, fields, dispatched: data.length > 0, raw };
  }
}

function endOfLine(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 10 || c === 13) return i;
  }
  return -1;
}
