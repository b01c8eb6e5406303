import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { type SseFrame, SseParser } from './sse-parser.ts';

const TIMEOUT_MS = 10_000;
/** Frames that nobody has taken yet; beyond it the test has forgotten to read. */
const QUEUE_FRAMES_MAX = 1_000_000;

export interface SseConnectOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as `Last-Event-ID`, as a browser does that reconnects. */
  readonly lastEventId?: string;
  /** How long to wait for the response's head; default 10 s. */
  readonly timeoutMs?: number;
}

/** A frame by its event's name, or by anything else about it. */
export type FrameMatch = string | ((frame: SseFrame) => boolean);

interface Waiter {
  readonly take: () => boolean;
  readonly fail: (error: Error) => void;
}

/**
 * One SSE connection that hides nothing: every frame with its raw bytes, comments and unknown fields, in order, each
 * once. It never reconnects by itself; `lastEventId` is what a browser would send.
 */
export class SseClient implements AsyncIterable<SseFrame> {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Resolves when the connection has ended, whoever ended it. */
  readonly closed: Promise<void>;
  /** How many frames have come. */
  received = 0;
  readonly #response: IncomingMessage;
  readonly #parser: SseParser;
  readonly #queue: SseFrame[] = [];
  readonly #waiters = new Set<Waiter>();
  #body = '';
  #head = 0;
  #ended: string | undefined;

  /** Resolves with the head of the response, whatever its status is. */
  static connect(url: string, options: SseConnectOptions = {}): Promise<SseClient> {
    const { headers = {}, lastEventId, timeoutMs = TIMEOUT_MS } = options;
    return new Promise((resolve, reject) => {
      const sent = request(url, {
        agent: false,
        headers: {
          accept: 'text/event-stream',
          'cache-control': 'no-cache',
          ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
          ...headers,
        },
      });
      const timer = setTimeout(
        () => sent.destroy(new Error(`${url} did not answer within ${timeoutMs} ms`)),
        timeoutMs,
      );
      sent.once('error', (error) => {
        clearTimeout(timer);
        reject(error);
      });
      sent.once('response', (response) => {
        clearTimeout(timer);
        sent.on('error', () => {});
        resolve(new SseClient(response, lastEventId ?? ''));
      });
      sent.end();
    });
  }

  private constructor(response: IncomingMessage, lastEventId: string) {
    this.#response = response;
    this.#parser = new SseParser(lastEventId);
    this.status = response.statusCode ?? 0;
    this.headers = response.headers;
    response.setEncoding('utf8').on('data', (text: string) => this.#push(text));
    this.closed = new Promise((resolve) => {
      const end = (why: string): void => {
        this.#ended ??= why;
        this.#wake();
        resolve();
      };
      response.once('end', () => end('the server ended the response'));
      response.once('error', (error) => end(error.message));
      response.once('close', () => end('the connection closed'));
    });
  }

  get lastEventId(): string {
    return this.#parser.lastEventId;
  }

  /** The last `retry:` of the server, ms. */
  get retryMs(): number | undefined {
    return this.#parser.retryMs;
  }

  /** Frames that have come and have not been taken. */
  get queued(): number {
    return this.#queue.length - this.#head;
  }

  /**
   * The next frame that matches, from those waiting or to come; frames before it are dropped. Without `match` it is
   * the next that a browser would have dispatched.
   *
   * @throws Error after `timeoutMs`, or when the connection has ended without one.
   */
  next(match?: FrameMatch, timeoutMs = TIMEOUT_MS): Promise<SseFrame> {
    const matches = matcher(match);
    let result: SseFrame | undefined;
    const what = typeof match === 'string' ? `the event ${match}` : 'the frame';
    return this.#wait(timeoutMs, what, () => {
      while (!result && this.queued > 0) {
        const frame = this.#shift();
        if (matches(frame)) result = frame;
      }
      return result !== undefined;
    }).then(() => result as SseFrame);
  }

  /** The next `n` frames that match; others between them are dropped. */
  collect(n: number, match?: FrameMatch, timeoutMs = TIMEOUT_MS): Promise<SseFrame[]> {
    const matches = matcher(match);
    const frames: SseFrame[] = [];
    return this.#wait(timeoutMs, `${n} frames`, () => {
      while (frames.length < n && this.queued > 0) {
        const frame = this.#shift();
        if (matches(frame)) frames.push(frame);
      }
      return frames.length >= n;
    }).then(
      () => frames,
      (error: Error) => {
        throw new Error(`${error.message} (${frames.length} came)`);
      },
    );
  }

  /** Every frame, undispatched ones too, until the connection ends. */
  async *[Symbol.asyncIterator](): AsyncGenerator<SseFrame> {
    for (;;) {
      while (this.queued > 0) yield this.#shift();
      if (this.#ended !== undefined) return;
      await new Promise<void>((resolve) => {
        const wake = (): boolean => {
          resolve();
          return true;
        };
        this.#waiters.add({ take: wake, fail: wake });
      });
    }
  }

  /** The whole body, of an answer that is no stream. */
  async text(): Promise<string> {
    await this.closed;
    return this.#body;
  }

  /** Reads nothing more, as a client does whose line is full. */
  pause(): void {
    this.#response.pause();
  }

  resume(): void {
    this.#response.resume();
  }

  close(): void {
    this.#response.destroy();
  }

  #push(text: string): void {
    if (this.status !== 200) {
      this.#body += text;
      return;
    }
    const frames = this.#parser.push(text);
    if (frames.length === 0) return;
    this.received += frames.length;
    for (const frame of frames) this.#queue.push(frame);
    if (this.queued > QUEUE_FRAMES_MAX) {
      this.#ended = `more than ${QUEUE_FRAMES_MAX} frames wait to be read`;
      this.close();
    }
    this.#wake();
  }

  #shift(): SseFrame {
    const frame = this.#queue[this.#head++] as SseFrame;
    // Now and then in one piece: shift() of a long array is slow.
    if (this.#head > 4_096 && this.#head * 2 > this.#queue.length) {
      this.#queue.splice(0, this.#head);
      this.#head = 0;
    }
    return frame;
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) {
      if (waiter.take()) this.#waiters.delete(waiter);
      else if (this.#ended !== undefined) {
        this.#waiters.delete(waiter);
        waiter.fail(new Error(this.#ended));
      }
    }
  }

  #wait(timeoutMs: number, what: string, take: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiters.delete(waiter);
        reject(new Error(`${what} did not come within ${timeoutMs} ms`));
      }, timeoutMs);
      const waiter: Waiter = {
        take: () => {
          if (!take()) return false;
          clearTimeout(timer);
          resolve();
          return true;
        },
        fail: (error) => {
          clearTimeout(timer);
          reject(new Error(`${what} did not come: ${error.message}`));
        },
      };
      this.#waiters.add(waiter);
      this.#wake();
    });
  }
}

function matcher(match: FrameMatch | undefined): (frame: SseFrame) => boolean {
  if (match === undefined) return (frame) => frame.dispatched;
  return typeof match === 'string' ? (frame) => frame.dispatched && frame.event === match : match;
}
