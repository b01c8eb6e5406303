import { connect, type Socket } from 'node:net';
import { IdCheck } from './id-check.ts';

/** How a client reads: all that comes, nothing, or so many bytes a second. */
export type Reading = 'all' | 'none' | number;

export type CrowdAsk =
  | {
      readonly kind: 'connect';
      readonly crowd: string;
      /** A client whose connection ends comes back at the next one, after the time that it was told. */
      readonly ports: readonly number[];
      readonly path: string;
      readonly clients: number;
      readonly reading: Reading;
      /** What each comes with. */
      readonly lastIds?: readonly string[];
      /** Each so many-th client looks at every id, the others at the last of each part that they read. */
      readonly checkEvery: number;
    }
  | { readonly kind: 'read'; readonly crowd: string; readonly reading: Reading }
  | { readonly kind: 'report'; readonly crowd: string }
  | { readonly kind: 'leave'; readonly crowd: string };

export interface CrowdReport {
  readonly connected: number;
  readonly checked: number;
  readonly bytes: number;
  /** Of the checked ones, and so of each of them. */
  readonly events: { readonly min: number; readonly max: number };
  /** The last ids of all clients, the one that is least far first. */
  readonly offsets: { readonly min: number; readonly max: number };
  readonly problems: readonly string[];
  /** When connections ended, ms since they were opened. */
  readonly endsMs: readonly number[];
  /** The last that each of the first clients was told before the end of a connection. */
  readonly farewells: readonly string[];
  /** The first client's last id. */
  readonly lastId: string | undefined;
}

const READ_BYTES = 256 << 10;
const TRICKLE_READ_BYTES = 1 << 10;
const CONNECT_AT_ONCE = 200;
/** Longer than an event, and than what is said at the end of a stream. */
const TAIL_BYTES = 768;
const FAREWELLS_MAX = 20;
const OK = 'HTTP/1.1 200';
const RETRY = /retry: (\d+)/;

/** Every client that reads all reads into it: they are to cost less than what they read from. */
const shared = Buffer.allocUnsafeSlow(READ_BYTES);
const crowds = new Map<string, Client[]>();

class Client {
  readonly check: IdCheck;
  readonly endsMs: number[] = [];
  bytes = 0;
  isConnected = false;
  farewell = '';
  refusal: string | undefined;
  readonly #ports: readonly number[];
  readonly #path: string;
  readonly #isChecked: boolean;
  readonly #startedMs = performance.now();
  #reading: Reading;
  #socket: Socket | undefined;
  #connections = 0;
  #tail = Buffer.alloc(0);
  #timer: NodeJS.Timeout | undefined;
  #hasLeft = false;

  constructor(ask: Extract<CrowdAsk, { kind: 'connect' }>, index: number) {
    this.#ports = ask.ports;
    this.#path = ask.path;
    this.#reading = ask.reading;
    this.#isChecked = index % ask.checkEvery === 0;
    this.check = new IdCheck(ask.lastIds?.[index % ask.lastIds.length]);
  }

  get isChecked(): boolean {
    return this.#isChecked;
  }

  /** Resolves when it is connected and has been answered. */
  connect(): Promise<void> {
    const port = this.#ports[this.#connections++ % this.#ports.length] as number;
    const { lastId } = this.check;
    const cursor = lastId === undefined ? '' : `Last-Event-ID: ${lastId}\r\n`;
    const isTrickle = this.#reading !== 'all';
    const buffer = isTrickle ? Buffer.allocUnsafeSlow(TRICKLE_READ_BYTES) : shared;
    this.check.restart();
    return new Promise((resolve) => {
      let isAnswered = false;
      const callback = (count: number): boolean => {
        const part = buffer.subarray(0, count);
        if (!isAnswered) {
          isAnswered = true;
          const head = part.toString('latin1', 0, 200);
          if (!head.startsWith(OK)) this.refusal = head;
          else this.isConnected = true;
          resolve();
        }
        this.#take(part);
        return this.#reading === 'all';
      };
      const socket = connect({ port, host: '127.0.0.1', onread: { buffer, callback } }, () => {
        socket.write(`GET ${this.#path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${cursor}\r\n`);
      });
      this.#socket = socket;
      socket.on('error', () => {});
      socket.on('close', () => {
        resolve();
        this.#onClose();
      });
      this.read(this.#reading);
    });
  }

  read(reading: Reading): void {
    this.#reading = reading;
    clearInterval(this.#timer);
    if (reading === 'all') this.#socket?.resume();
    else if (reading !== 'none') {
      this.#timer = setInterval(() => this.#socket?.resume(), (TRICKLE_READ_BYTES * 1_000) / reading);
    }
  }

  leave(): void {
    this.#hasLeft = true;
    clearInterval(this.#timer);
    this.#socket?.destroy();
  }

  #take(part: Buffer): void {
    this.bytes += part.length;
    const tail = part.subarray(-TAIL_BYTES);
    this.#tail = tail.length < TAIL_BYTES ? Buffer.concat([this.#tail, tail]).subarray(-TAIL_BYTES) : Buffer.from(tail);
    if (this.#isChecked) this.check.push(part);
    else this.#seeLast(part);
  }

  /** The last id of a part: what came before it came in order, over one connection. */
  #seeLast(part: Buffer): void {
    const text = part.toString('latin1', Math.max(0, part.length - TAIL_BYTES));
    const at = text.lastIndexOf('\nid: ');
    const end = text.indexOf('\n', at + 1);
    if (at < 0 || end < 0) return;
    const [epoch = '', offset] = text.slice(at + 5, end).split('-');
    this.check.epoch = epoch;
    this.check.offset = Number(offset);
  }

  #onClose(): void {
    this.isConnected = false;
    clearInterval(this.#timer);
    if (this.#hasLeft) return;
    this.endsMs.push(performance.now() - this.#startedMs);
    this.farewell = this.#tail.toString('latin1');
    const retryMs = Number(RETRY.exec(this.farewell)?.[1] ?? 100);
    this.#tail = Buffer.alloc(0);
    setTimeout(() => this.#hasLeft || void this.connect(), retryMs);
  }
}

async function open(ask: Extract<CrowdAsk, { kind: 'connect' }>): Promise<void> {
  const clients = Array.from({ length: ask.clients }, (_, i) => new Client(ask, i));
  crowds.set(ask.crowd, clients);
  for (let i = 0; i < clients.length; i += CONNECT_AT_ONCE) {
    await Promise.all(clients.slice(i, i + CONNECT_AT_ONCE).map((client) => client.connect()));
  }
}

function report(crowd: string): CrowdReport {
  const clients = crowds.get(crowd) ?? [];
  const checked = clients.filter(({ isChecked }) => isChecked);
  const span = (values: readonly number[]) => ({ min: Math.min(...values), max: Math.max(...values) });
  return {
    connected: clients.filter(({ isConnected }) => isConnected).length,
    checked: checked.length,
    bytes: clients.reduce((sum, { bytes }) => sum + bytes, 0),
    events: span(checked.map(({ check }) => check.events)),
    offsets: span(clients.map(({ check }) => check.offset)),
    problems: clients.flatMap(({ check, refusal }) => [...check.problems, ...(refusal ? [refusal] : [])]).slice(0, 10),
    endsMs: clients.flatMap(({ endsMs }) => endsMs),
    farewells: clients
      .map(({ farewell }) => farewell)
      .filter((text) => text !== '')
      .slice(0, FAREWELLS_MAX),
    lastId: clients[0]?.check.lastId,
  };
}

async function answer(ask: CrowdAsk): Promise<object> {
  switch (ask.kind) {
    case 'connect':
      await open(ask);
      return {};
    case 'read':
      for (const client of crowds.get(ask.crowd) ?? []) client.read(ask.reading);
      return {};
    case 'report':
      return report(ask.crowd);
    case 'leave':
      for (const client of crowds.get(ask.crowd) ?? []) client.leave();
      crowds.delete(ask.crowd);
      return {};
  }
}

process.on('disconnect', () => process.exit(0));
process.on('message', ({ n, ask }: { n: number; ask: CrowdAsk }) => {
  answer(ask).then(
    (reply) => process.send?.({ n, reply }),
    (error: Error) => process.send?.({ n, error: error.stack }),
  );
});
