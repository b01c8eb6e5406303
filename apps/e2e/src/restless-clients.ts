import { compareCursors, isSuccessor, parseCursor } from '@depthcast/protocol';
import { SseClient, type SseFrame } from '@depthcast/testing';
import { io, type Socket } from 'socket.io-client';

/** How long one of their connections lasts. */
const STAY_MS_MIN = 300;
const STAY_MS_MAX = 6_000;
const PAUSE_MS_MAX = 1_000;
/** Who stays longer than that and has been shown nothing has something to complain of. */
const CONNECT_MS_MAX = 3_000;

/** What all of them have seen. */
export interface Seen {
  connections: number;
  events: number;
  readonly problems: string[];
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const someMs = (min: number, max: number) => min + Math.random() * (max - min);

/**
 * A client that comes, stays for some seconds and goes without a word, over and over, each time to another gateway: and
 * looks at everything that it is sent. What follows the log goes on where it was.
 */
export abstract class RestlessClient {
  protected readonly seen: Seen;
  #stopped = false;
  readonly #running: Promise<void>;

  constructor(urls: readonly string[], seen: Seen) {
    this.seen = seen;
    this.#running = this.#run(urls);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  /** One connection, until it has stayed long enough. */
  protected abstract visit(url: string, stayMs: number): Promise<void>;

  protected problem(what: string): void {
    if (this.seen.problems.length < 100) this.seen.problems.push(what);
  }

  async #run(urls: readonly string[]): Promise<void> {
    for (;;) {
      await sleep(someMs(0, PAUSE_MS_MAX));
      if (this.#stopped) return;
      const url = urls[Math.floor(Math.random() * urls.length)] as string;
      this.seen.connections++;
      await this.visit(url, someMs(STAY_MS_MIN, STAY_MS_MAX)).catch((error) =>
        this.problem(`${url}: ${error.message}`),
      );
    }
  }
}

/** Follows the whole log, in which no offset is missing, over SSE. */
export class LogClient extends RestlessClient {
  #lastId: string | undefined;

  protected async visit(url: string, stayMs: number): Promise<void> {
    const options = this.#lastId === undefined ? {} : { lastEventId: this.#lastId };
    const client = await SseClient.connect(`${url}/api/stream?types=all`, options);
    const leaving = setTimeout(() => client.close(), stayMs);
    // Some of them do not read for a while.
    const pausing = Math.random() < 0.2 ? setTimeout(() => client.pause(), stayMs / 4) : undefined;
    const reading = pausing && setTimeout(() => client.resume(), stayMs / 2);
    for await (const frame of client) this.#take(frame);
    for (const timer of [leaving, pausing, reading]) clearTimeout(timer);
  }

  #take({ id, event, data, dispatched }: SseFrame): void {
    if (event === 'reset') this.problem(`reset ${data}`);
    if (id === undefined) return;
    const last = this.#lastId === undefined ? undefined : parseCursor(this.#lastId);
    const cursor = parseCursor(id);
    // An id alone says that there was nothing to be sent: it may begin, but not skip.
    const follows =
      !last || (dispatched ? isSuccessor(last, cursor) || event === 'epoch' : compareCursors(last, cursor) === 0);
    if (!follows) this.problem(`${id} follows ${this.#lastId}`);
    if (dispatched) this.seen.events++;
    this.#lastId = id;
  }
}

/** Looks at a book over SSE, which never goes back while it looks. */
export class ViewClient extends RestlessClient {
  protected async visit(url: string, stayMs: number): Promise<void> {
    const levels = 1 + Math.floor(Math.random() * 50);
    const interval = Math.random() < 0.5 ? 0 : 100;
    const client = await SseClient.connect(
      `${url}/stream?streams=BTCUSD:MBP:${levels},ETHUSD:MBP:5&interval=${interval}`,
    );
    const leaving = setTimeout(() => client.close(), stayMs);
    const sequences = new Map<string, number>();
    for await (const { event, data } of client) {
      if (event !== 'market_data') continue;
      const { stream_id: stream, sequence } = JSON.parse(data) as { stream_id: string; sequence: number };
      const before = sequences.get(stream) ?? -1;
      if (sequence < before) this.problem(`${stream} went back from ${before} to ${sequence}`);
      sequences.set(stream, sequence);
      this.seen.events++;
    }
    clearTimeout(leaving);
    if (sequences.size === 0 && stayMs > CONNECT_MS_MAX) this.problem(`${url}: no book in ${stayMs} ms`);
  }
}

/** Best prices, trades and a book over Socket.IO: the chain of what is of the log has no gap. */
export class SocketIoClient extends RestlessClient {
  #lastId: string | undefined;

  protected async visit(url: string, stayMs: number): Promise<void> {
    const socket: Socket = io(url, {
      forceNew: true,
      reconnection: false,
      transports: [Math.random() < 0.8 ? 'websocket' : 'polling'],
      auth: {
        ready: true,
        chain: true,
        streams: ['BTCUSD:TRADES', 'BTCUSD:MBP:10'],
        ...(this.#lastId === undefined ? {} : { lastId: this.#lastId }),
      },
    });
    socket.onAny((event: string, data: Record<string, unknown>) => this.#take(event, data));
    socket.on('connect_error', (error) => this.problem(`${url}: ${error.message}`));
    await sleep(stayMs);
    if (!socket.connected && stayMs > CONNECT_MS_MAX) this.problem(`${url}: not connected after ${stayMs} ms`);
    // Whom it leaves before it is there it would complain of later.
    socket.offAny().off();
    if (Math.random() < 0.5) socket.disconnect();
    else socket.io.engine?.close();
  }

  #take(event: string, { cursor, prev_cursor: prev, ...rest }: Record<string, unknown>): void {
    if (event === 'reset') this.problem(`reset ${JSON.stringify(rest)}`);
    if (typeof cursor !== 'string') return;
    const last = this.#lastId;
    if (last !== undefined && typeof prev === 'string') {
      const isUnbroken = compareCursors(parseCursor(prev), parseCursor(last)) <= 0;
      if (!isUnbroken || compareCursors(parseCursor(last), parseCursor(cursor)) >= 0) {
        this.problem(`${event} ${cursor} says that ${prev} came before it, the client has ${last}`);
      }
    }
    this.#lastId = cursor;
    this.seen.events++;
  }
}
