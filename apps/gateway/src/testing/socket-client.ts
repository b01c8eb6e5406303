import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';

export type Message = readonly [event: string, data: Record<string, unknown>, ...rest: unknown[]];

export interface SocketClientOptions extends Partial<ManagerOptions & SocketOptions> {
  /** Said at once when the connection is there, each time that it is. */
  readonly onConnect?: (socket: Socket) => void;
}

/** A real client of Socket.IO that keeps what it is sent, and its cursor, as docs/SOCKETIO.md tells clients to. */
export class SocketClient {
  static readonly #open = new Set<SocketClient>();
  readonly socket: Socket;
  readonly messages: Message[] = [];
  readonly disconnects: string[] = [];
  lastId: string | undefined;
  #wake: (() => void)[] = [];
  #taken = 0;

  constructor(url: string, { onConnect, auth = {}, ...options }: SocketClientOptions = {}) {
    const given = auth as Record<string, unknown>;
    this.socket = io(url, {
      forceNew: true,
      transports: ['websocket'],
      reconnectionDelay: 20,
      reconnectionDelayMax: 100,
      autoConnect: false,
      ...options,
      auth: (answer: (data: object) => void) => {
        answer({ ...given, ...(this.lastId === undefined ? {} : { lastId: this.lastId }) });
      },
    });
    SocketClient.#open.add(this);
    this.socket.onAny((event: string, data: Record<string, unknown>, ...rest: unknown[]) => {
      if (typeof data?.cursor === 'string') this.lastId = data.cursor;
      this.#note([event, data, ...rest]);
    });
    this.socket.on('connect', () => onConnect?.(this.socket));
    this.socket.on('connect_error', (error) => {
      this.#note(['connect_error', { message: error.message, ...(error as Error & { data?: object }).data }]);
    });
    this.socket.on('disconnect', (reason) => {
      this.disconnects.push(reason);
      this.#note(['disconnect', { reason }]);
    });
    this.socket.connect();
  }

  /** The next message that is looked for; what came before it is passed over. */
  async next(wanted: string | ((message: Message) => boolean), waitMs = 5_000): Promise<Message[1]> {
    const matches = typeof wanted === 'string' ? ([event]: Message) => event === wanted : wanted;
    const deadline = Date.now() + waitMs;
    for (;;) {
      while (this.#taken < this.messages.length) {
        const message = this.messages[this.#taken++] as Message;
        if (matches(message)) return message[1];
      }
      if (Date.now() > deadline) {
        throw new Error(`no ${wanted} came: ${JSON.stringify(this.messages.slice(-5)).slice(0, 1_000)}`);
      }
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 50);
        this.#wake.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** Those of a name that have come so far. */
  of(event: string): Message[1][] {
    return this.messages.filter(([name]) => name === event).map(([, data]) => data);
  }

  async until(isDone: () => boolean, waitMs = 10_000): Promise<void> {
    const deadline = Date.now() + waitMs;
    while (!isDone()) {
      if (Date.now() > deadline) throw new Error(`not so after ${waitMs} ms: ${isDone}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Sends and waits for the acknowledgement. */
  ask<T = Record<string, unknown>>(event: string, ...given: unknown[]): Promise<T> {
    return this.socket.timeout(5_000).emitWithAck(event, ...given) as Promise<T>;
  }

  /** The connection breaks, as when a network goes away. */
  break(): void {
    this.socket.io.engine.close();
  }

  close(): void {
    SocketClient.#open.delete(this);
    this.socket.disconnect();
  }

  /** For afterAll: a test that failed half way must not keep the process alive. */
  static closeAll(): void {
    for (const client of [...SocketClient.#open]) client.close();
  }

  #note(message: Message): void {
    this.messages.push(message);
    for (const wake of this.#wake.splice(0)) wake();
  }
}
