import { once } from 'node:events';
import type { IncomingMessage, Server } from 'node:http';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { type WebSocket, WebSocketServer } from 'ws';

const BUFFERED_BYTES_MAX = 1024 * 1024;

interface Client {
  readonly socket: WebSocket;
  readonly streams: ReadonlySet<string>;
  stalled: boolean;
}

/** The websocket side of the fake venue: combined streams, each client with the streams its URL named. */
export class FakeStreams {
  readonly #server: WebSocketServer;
  readonly #clients = new Set<Client>();
  /** Connections that were ever made. */
  connections = 0;
  /** When true, handshakes are refused with 503. */
  refusing = false;

  constructor(http: Server) {
    this.#server = new WebSocketServer({
      server: http,
      path: '/stream',
      verifyClient: (_info, done) => done(!this.refusing, 503, 'refused'),
    });
    this.#server.on('connection', (socket, request) => this.#onClient(socket, request));
  }

  get open(): number {
    return this.#clients.size;
  }

  /** To every client of the stream that is not stalled. */
  send(stream: string, text: string): void {
    for (const client of this.#clients) {
      if (!client.stalled && client.streams.has(stream)) client.socket.send(text);
    }
  }

  /** Cuts the clients that follow any stream of the symbol. */
  disconnect(symbol: string): void {
    for (const client of this.#of(symbol)) client.socket.terminate();
  }

  /** Silences them; who connects later hears again. */
  stall(symbol: string): void {
    for (const client of this.#of(symbol)) client.stalled = true;
  }

  announceShutdown(symbol: string): void {
    const text = JSON.stringify({ stream: '!serverShutdown', data: { e: 'serverShutdown', E: Date.now() } });
    for (const client of this.#of(symbol)) client.socket.send(text);
  }

  /** Pings the one client there is. @returns the payload of its pong. */
  async ping(payload: string): Promise<string> {
    const [client] = this.#clients;
    if (!client) throw new Error('no client is connected');
    const pong = once(client.socket, 'pong') as Promise<[Buffer]>;
    client.socket.ping(payload);
    return String((await pong)[0]);
  }

  /** Resolves when the clients have taken most of what was sent. */
  async drained(): Promise<void> {
    await nextTurn();
    while ([...this.#clients].some(({ socket }) => socket.bufferedAmount > BUFFERED_BYTES_MAX)) await sleep(1);
  }

  close(): void {
    for (const { socket } of this.#clients) socket.terminate();
    this.#server.close();
  }

  #of(symbol: string): Client[] {
    const prefix = `${symbol.toLowerCase()}@`;
    return [...this.#clients].filter(({ streams }) => [...streams].some((stream) => stream.startsWith(prefix)));
  }

  #onClient(socket: WebSocket, request: IncomingMessage): void {
    const names = new URL(request.url ?? '/', 'ws://fake').searchParams.get('streams') ?? '';
    const client: Client = { socket, streams: new Set(names.split('/')), stalled: false };
    this.connections++;
    this.#clients.add(client);
    socket.on('close', () => this.#clients.delete(client));
    socket.on('error', () => socket.terminate());
  }
}
