import { setTimeout as sleep } from 'node:timers/promises';
import { LogWriter, partitionKeys, type RedisClient } from '@depthcast/log';
import { formatCursor, type LogEvent } from '@depthcast/protocol';

const EVENT_BYTES = 400;
const BATCH_EVENTS_MAX = 900;
const TICK_MS = 4;
const BOOK_ROWS = 200;
const SYMBOL = 'BTCUSD';

/** A log that grows by so many events a second, of 400 bytes each: changes of one book, and the clock. */
export class SteadyLog {
  readonly #writer: LogWriter;
  #changes = 0;
  #inputs = 1;
  #second = 0;
  #running: Promise<void> = Promise.resolve();
  #isStopping = false;

  /** An empty log, and its first epoch with a book in it. */
  static async open(client: RedisClient): Promise<SteadyLog> {
    const writer = new LogWriter({ client, keys: partitionKeys(), writer: 'crowd', logicVersion: 'crowd' });
    await writer.claim();
    await writer.openEpoch('start', '0-0', '{}');
    const log = new SteadyLog(writer);
    await writer.append([book(), log.#clock()], '1-0');
    return log;
  }

  private constructor(writer: LogWriter) {
    this.#writer = writer;
  }

  get lastId(): string {
    return formatCursor(this.#writer.cursor);
  }

  get offset(): number {
    return this.#writer.cursor.offset;
  }

  /** So many events, as fast as Redis takes them. */
  async fill(events: number): Promise<void> {
    for (let left = events; left > 0; left -= BATCH_EVENTS_MAX) await this.#append(Math.min(left, BATCH_EVENTS_MAX));
  }

  /** @param tickMs between two batches: each of them is a write to every client, and a read there. */
  start(eventsPerSecond: number, tickMs = TICK_MS): void {
    this.#isStopping = false;
    this.#running = this.#run(eventsPerSecond, tickMs);
    this.#running.catch(() => {});
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#running;
  }

  async #run(eventsPerSecond: number, tickMs: number): Promise<void> {
    const startedMs = performance.now();
    let sent = 0;
    while (!this.#isStopping) {
      const due = Math.floor(((performance.now() - startedMs) / 1_000) * eventsPerSecond) - sent;
      const count = Math.min(due, BATCH_EVENTS_MAX);
      sent += count;
      await this.#append(count);
      if (count === due) await sleep(tickMs);
    }
  }

  async #append(changes: number): Promise<void> {
    const events = Array.from({ length: changes }, () => change(this.#changes++));
    const second = Math.floor(Date.now() / 1_000);
    if (second !== this.#second) events.push(this.#clock());
    if (events.length > 0) await this.#writer.append(events, `${++this.#inputs}-0`);
  }

  #clock(): LogEvent {
    this.#second = Math.floor(Date.now() / 1_000);
    return { topic: 'clock', payload: `{"type":"clock","ts_ns":${this.#second}000000000,"second":${this.#second}}` };
  }
}

function change(n: number): LogEvent {
  const rows = Array.from({ length: 8 }, (_, i) => row((n * 7 + i * 23) % BOOK_ROWS, n + i, n % 2 === 0));
  const sides = n % 2 === 0 ? `"bids":[${rows}],"asks":[]` : `"bids":[],"asks":[${rows}]`;
  const body = `${head()},"is_snapshot":false,"first":${n + 2},"last":${n + 2},"prev":${n + 1},${sides}`;
  // JSON allows space between tokens: the fill that changes no value.
  return { topic: `book_change:${SYMBOL}`, payload: `${body.padEnd(EVENT_BYTES - 1)}}` };
}

function book(): LogEvent {
  const side = (isBid: boolean) => Array.from({ length: BOOK_ROWS }, (_, i) => row(i, i, isBid));
  const payload = `${head()},"is_snapshot":true,"first":1,"last":1,"bids":[${side(true)}],"asks":[${side(false)}]}`;
  return { topic: `book_change:${SYMBOL}`, payload };
}

function head(): string {
  return `{"type":"book_change","symbol":"${SYMBOL}","ts_ns":${Math.floor(Date.now() / 1_000)}000000000`;
}

function row(rank: number, n: number, isBid: boolean): string {
  const cents = 1_000_000 + (isBid ? -1 - rank : 1 + rank);
  return `["${(cents / 100).toFixed(2)}","${(1 + (n % 999)) / 1_000}"]`;
}
