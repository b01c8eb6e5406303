import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

const SWALLOW_DELAY_MS = 50;
/** A swallowed request that is never answered ends its connection after this long all the same. */
const SWALLOW_WAIT_MS = 5_000;

export interface Swallow {
  /** How many requests have lost their reply so far. */
  readonly swallowed: number;
  /** Resolves when `count` have. */
  readonly done: Promise<void>;
  /** Lose no more of them. */
  stop(): void;
}

export interface SwallowOptions {
  /** How many requests lose their reply; default 1. */
  readonly count?: number;
  /** How long after the lost reply the connection is destroyed; default 50 ms. */
  readonly delayMs?: number;
}

interface Rule {
  readonly matches: (request: Buffer) => boolean;
  readonly delayMs: number;
  readonly countMax: number;
  matched: number;
  swallowed: number;
  readonly done: () => void;
}

interface Link {
  readonly client: Socket;
  readonly server: Socket;
  /** Set once a reply is to be lost: nothing of the server reaches the client any more. */
  loss: { readonly rule: Rule; answered: boolean; timer: NodeJS.Timeout } | undefined;
}

/**
 * Stands between an app and a server (Redis) on loopback and breaks the way between them: `cut`, `stall`, or the
 * nastiest of all, `swallowReplyOf`: the write has happened, its reply is lost.
 */
export class TcpProxy {
  readonly counters = { connections: 0, refused: 0, requestBytes: 0, replyBytes: 0, swallowed: 0 };
  readonly #host: string;
  #targetPort: number;
  readonly #server: Server;
  readonly #links = new Set<Link>();
  readonly #rules = new Set<Rule>();
  #cut = false;
  #stalled = false;

  /** @param target the server's port on loopback, or anything with a `port` such as a TestRedis. */
  static async start(target: number | { readonly port: number }): Promise<TcpProxy> {
    const proxy = new TcpProxy('127.0.0.1', typeof target === 'number' ? target : target.port);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject).listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  private constructor(host: string, targetPort: number) {
    this.#host = host;
    this.#targetPort = targetPort;
    this.#server = createServer((client) => this.#accept(client));
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** For a Redis behind it. */
  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Resets every connection; new ones lead to another server, as a virtual address does after a failover. */
  retarget(target: number | { readonly port: number }): void {
    this.#targetPort = typeof target === 'number' ? target : target.port;
    for (const link of this.#links) this.#drop(link);
  }

  /** Resets every connection, and every new one at once, until `heal`. */
  cut(): void {
    this.#cut = true;
    for (const link of this.#links) this.#drop(link);
  }

  /** Ends `cut` and `stall`: held bytes flow on. */
  heal(): void {
    this.#cut = false;
    this.resume();
  }

  /** Holds all bytes of both directions, of new connections too, as a network that drops packets does. */
  stall(): void {
    this.#stalled = true;
    for (const { client, server } of this.#links) {
      client.pause();
      server.pause();
    }
  }

  resume(): void {
    this.#stalled = false;
    for (const { client, server } of this.#links) {
      client.resume();
      server.resume();
    }
  }

  /**
   * Forwards the requests that `matches` takes, then drops all that the server answers on that connection and
   * destroys it: the client cannot know whether the request was carried out.
   *
   * @param matches gets the bytes as they come, one read of the socket at a time: look for what stands at the
   *   beginning of a command (its name, its first key), which a read does not tear in two.
   */
  swallowReplyOf(matches: (request: Buffer) => boolean, options: SwallowOptions = {}): Swallow {
    let done = (): void => {};
    const finished = new Promise<void>((resolve) => {
      done = resolve;
    });
    const { count = 1, delayMs = SWALLOW_DELAY_MS } = options;
    const rule: Rule = { matches, delayMs, countMax: count, matched: 0, swallowed: 0, done };
    this.#rules.add(rule);
    return {
      get swallowed() {
        return rule.swallowed;
      },
      done: finished,
      stop: () => this.#rules.delete(rule),
    };
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const link of this.#links) this.#drop(link);
    await closed;
  }

  #accept(client: Socket): void {
    if (this.#cut) {
      this.counters.refused++;
      client.on('error', () => {}).resetAndDestroy();
      return;
    }
    this.counters.connections++;
    const server = connect(this.#targetPort, this.#host);
    const link: Link = { client, server, loss: undefined };
    this.#links.add(link);
    for (const socket of [client, server]) socket.setNoDelay(true).on('error', () => {});
    // What one side said before it left still reaches the other.
    client.on('close', () => this.#leave(link, server));
    server.on('close', () => this.#leave(link, client));
    client.on('data', (data: Buffer) => this.#request(link, data));
    server.on('data', (data: Buffer) => this.#reply(link, data));
    client.on('drain', () => this.#stalled || server.resume());
    server.on('drain', () => this.#stalled || client.resume());
    if (this.#stalled) {
      client.pause();
      server.pause();
    }
  }

  #request(link: Link, data: Buffer): void {
    this.counters.requestBytes += data.length;
    if (!link.loss) {
      for (const rule of this.#rules) {
        if (!rule.matches(data)) continue;
        if (++rule.matched === rule.countMax) this.#rules.delete(rule);
        link.loss = { rule, answered: false, timer: setTimeout(() => this.#drop(link), SWALLOW_WAIT_MS) };
        break;
      }
    }
    if (!link.server.write(data)) link.client.pause();
  }

  #reply(link: Link, data: Buffer): void {
    this.counters.replyBytes += data.length;
    const { loss } = link;
    if (!loss) {
      if (!link.client.write(data)) link.server.pause();
    } else if (!loss.answered) {
      // These bytes may answer an earlier command of the same pipeline; the delay lets ours be carried out too.
      loss.answered = true;
      clearTimeout(loss.timer);
      loss.timer = setTimeout(() => this.#drop(link), loss.rule.delayMs);
    }
  }

  /** One side has closed by itself. */
  #leave(link: Link, other: Socket): void {
    if (!this.#links.has(link)) return;
    if (link.loss) this.#drop(link);
    this.#links.delete(link);
    other.end();
    other.resume();
  }

  #drop(link: Link): void {
    if (!this.#links.delete(link)) return;
    link.client.resetAndDestroy();
    link.server.destroy();
    if (!link.loss) return;
    const { rule, timer } = link.loss;
    clearTimeout(timer);
    this.counters.swallowed++;
    if (++rule.swallowed === rule.countMax) rule.done();
  }
}
