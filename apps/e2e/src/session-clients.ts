import { partitionOf } from '@depthcast/protocol';
import { SseClient } from '@depthcast/testing';
import { io, type Socket } from 'socket.io-client';
import { PartitionedRecord } from './partitioned-record.ts';

const RETRY_MS = 20;

/** Reads /api/stream?types=all for as long as it lives: after each break it goes on at the next gateway. */
export class SseSession {
  readonly record: PartitionedRecord;
  connections = 0;
  readonly #urls: () => readonly string[];
  #current: SseClient | undefined;
  #stopped = false;
  readonly #running: Promise<void>;

  /**
   * @param urls every gateway's, such as `http://127.0.0.1:8081`.
   * @param from the id that it begins after.
   */
  constructor(urls: () => readonly string[], partitions: number, from: string) {
    this.#urls = urls;
    this.record = new PartitionedRecord(partitions, from);
    this.#running = this.#run();
  }

  /** Leaves its gateway for the next one. */
  move(): void {
    this.#current?.close();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.move();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let k = 0; !this.#stopped; k++) {
      const urls = this.#urls();
      try {
        const url = `${urls[k % urls.length]}/api/stream?types=all`;
        await this.#read(await SseClient.connect(url, { lastEventId: this.record.lastId, timeoutMs: 2_000 }));
      } catch {
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  async #read(client: SseClient): Promise<void> {
    this.#current = client;
    if (client.status !== 200) throw new Error(`status ${client.status}`);
    this.connections++;
    for await (const { id, event, data, dispatched } of client) {
      if (dispatched && event === 'reset') this.record.reset(data);
      else if (id === undefined) continue;
      else if (dispatched) this.record.takeNext(id, event, data);
      else this.record.move(id);
    }
  }
}

/** Streams of the log over Socket.IO, for as long as it lives; it is told by one gateway after the other. */
export class SocketSession {
  readonly record: PartitionedRecord;
  connections = 0;
  readonly #urls: () => readonly string[];
  readonly #streams: readonly string[];
  readonly #partitions: number;
  #socket: Socket | undefined;
  #next = 0;
  #stopped = false;

  /** @param streams definitions such as `BTCUSD:TRADES`. */
  constructor(urls: () => readonly string[], partitions: number, from: string, streams: readonly string[]) {
    this.#urls = urls;
    this.#partitions = partitions;
    this.#streams = streams;
    this.record = new PartitionedRecord(partitions, from);
    this.#connect();
  }

  /** Leaves its gateway for the next one. */
  move(): void {
    this.#socket?.disconnect();
    if (!this.#stopped) this.#connect();
  }

  stop(): void {
    this.#stopped = true;
    this.move();
  }

  #connect(): void {
    const urls = this.#urls();
    const auth = { lastId: this.record.lastId, streams: this.#streams };
    // Coming back is done here: the library goes back to the gateway that it was at.
    const options = { auth, transports: ['websocket'], reconnection: false, forceNew: true, timeout: 2_000 };
    const socket = io(urls[this.#next++ % urls.length] as string, options);
    this.#socket = socket;
    const again = () => {
      if (socket !== this.#socket || this.#stopped) return;
      this.#socket = undefined;
      setTimeout(() => {
        if (!this.#stopped && !this.#socket) this.#connect();
      }, RETRY_MS);
    };
    socket.on('connect', () => this.connections++);
    socket.on('connect_error', again);
    socket.on('disconnect', again);
    socket.onAny((event: string, data: { cursor?: string; symbol?: string }) => {
      if (socket === this.#socket) this.#take(event, data);
    });
  }

  #take(event: string, data: { cursor?: string; symbol?: string }): void {
    const { cursor, ...shown } = data ?? {};
    if (event === 'reset') this.record.reset(JSON.stringify(data));
    else if (cursor === undefined) return;
    else if (event === 'cursor' || shown.symbol === undefined) this.record.move(cursor);
    else this.record.takeOf(partitionOf(shown.symbol, this.#partitions), cursor, `${event} ${JSON.stringify(shown)}`);
  }
}
