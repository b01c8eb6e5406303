import type { Socket as NetSocket } from 'node:net';
import type { Socket } from 'socket.io';
import { EMPTY } from '../../fanout/format.ts';
import { packetsIn } from '../../fanout/packets.ts';
import type { Sink } from '../../fanout/session.ts';
import { lateBytes } from '../late-sink.ts';

/** Engine.IO's connection under Socket.IO's. */
export type EngineConnection = Socket['conn'];

/** What is reached for below Engine.IO's interface. Without a TCP socket, packets go the way that Engine.IO has for them. */
interface EngineInternals {
  readonly writeBuffer: { type: 'message'; data: string; options: { compress: boolean } }[];
  readonly transport: { readonly socket?: WebSocketInternals };
}

interface WebSocketInternals {
  readonly readyState?: number;
  readonly _socket?: NetSocket & { readonly encrypted?: boolean };
  readonly _receiver?: NodeJS.EventEmitter;
}

/** A WebSocket's state in which frames may be sent. */
const OPEN = 1;
/** `ws` calls it that when a message is longer than it takes. */
const TOO_LONG = 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH';
const NO_COMPRESSION = { compress: false } as const;

type Written = (error?: Error | null) => void;

/**
 * A client of Socket.IO as the fan-out wants one: takes runs of whole WebSocket frames. On a WebSocket they go straight
 * onto the TCP socket, one write for however many; `ws` writes its own frames whole and at once (no compression, no
 * fragments), so that ours may stand anywhere between them. While anything waits in Engine.IO's own queue, and for
 * clients that poll, the packets join that queue, so that none overtakes another.
 */
export class EngineSink implements Sink {
  readonly #connection: EngineConnection;
  readonly #internals: EngineInternals;
  /** Bytes in Engine.IO's queue that were put there. */
  #queuedBytes = 0;
  /** Of the last write to the TCP socket. */
  #lastBytes = 0;
  #waiting: Written[] = [];

  constructor(connection: EngineConnection) {
    this.#connection = connection;
    this.#internals = connection as unknown as EngineInternals;
    connection.on('drain', () => this.#onFlushed());
    connection.on('close', () => this.#onClosed());
  }

  get writableLength(): number {
    const tcp = this.#internals.transport.socket?._socket;
    const waiting = tcp?.writableLength ?? 0;
    return this.#queuedBytes + (tcp?.encrypted ? lateBytes(waiting, this.#lastBytes) : waiting);
  }

  get destroyed(): boolean {
    return this.#connection.readyState === 'closed';
  }

  write(bytes: Uint8Array, written?: Written): boolean {
    const connection = this.#connection;
    if (connection.readyState !== 'open') {
      if (written) process.nextTick(written, new Error('the connection is closed'));
      return false;
    }
    const isFree = this.#internals.writeBuffer.length === 0;
    const tcp = isFree ? this.#tcp() : undefined;
    if (tcp) {
      if (bytes.length > 0) this.#lastBytes = bytes.length;
      return tcp.write(bytes, written);
    }
    if (written && isFree && bytes.length === 0) process.nextTick(written);
    else if (written) this.#waiting.push(written);
    this.#enqueue(bytes);
    return this.#queuedBytes === 0;
  }

  /** At once: the other side may not be reading any more, and would have to read a farewell. */
  destroy(): void {
    const tcp = this.#internals.transport.socket?._socket;
    if (tcp) tcp.destroy();
    else this.#connection.close(true);
  }

  /** A message is longer than a WebSocket takes, which closes it: a last chance to say so. */
  onTooLong(tell: () => void): void {
    const receiver = this.#internals.transport.socket?._receiver;
    receiver?.prependListener('error', (error: Error & { readonly code?: string }) => {
      if (error.code === TOO_LONG) tell();
    });
  }

  /** The TCP socket under an open WebSocket. */
  #tcp(): NetSocket | undefined {
    const { socket } = this.#internals.transport;
    return socket?.readyState === OPEN ? socket._socket : undefined;
  }

  /** All but the last packet without a flush: a poll is answered by all of them, not by the first. */
  #enqueue(bytes: Uint8Array): void {
    // Engine.IO writes the first character, its own, by itself.
    const packets = packetsIn(bytes).map((text) => text.slice(1));
    const last = packets.pop();
    if (last === undefined) return;
    this.#queuedBytes += bytes.length;
    for (const data of packets) {
      this.#internals.writeBuffer.push({ type: 'message', data, options: { ...NO_COMPRESSION } });
    }
    this.#connection.write(last, { ...NO_COMPRESSION });
  }

  /** All that was in the queue has been handed on: to the WebSocket, or as the answer to a poll. */
  #onFlushed(): void {
    this.#queuedBytes = 0;
    if (this.#waiting.length === 0) return;
    const tcp = this.#tcp();
    for (const written of this.#waiting.splice(0)) {
      if (tcp) tcp.write(EMPTY, written);
      else process.nextTick(written);
    }
  }

  #onClosed(): void {
    this.#queuedBytes = 0;
    const error = new Error('the connection is closed');
    for (const written of this.#waiting.splice(0)) process.nextTick(written, error);
  }
}
