import type { RedisClient } from '@depthcast/log';
import type { Reply } from '../redis/reply.ts';
import type { Machine } from './machine.ts';
import { connectionClosed, type Network } from './network.ts';
import { type Request, Wire } from './wire.ts';

const RECONNECT_MS_MIN = 25;
const RECONNECT_MS_MAX = 2_000;

type Argument = string | number | Buffer;

/**
 * As much of an ioredis client as libs/log calls, with its manners: commands wait while it connects, are rejected when
 * the connection breaks or cannot be made, and are never sent again by itself.
 */
export class SimulatedClient {
  readonly #network: Network;
  readonly #machine: Machine;
  #wire: Wire | undefined;
  #waiting: Request[] = [];
  #connecting: NodeJS.Timeout | undefined;
  #attempts = 0;
  #ended = false;

  constructor(network: Network, machine: Machine) {
    this.#network = network;
    this.#machine = machine;
  }

  /** The type that everybody takes. What it lacks nobody calls; the contract suite would show it. */
  get asRedisClient(): RedisClient {
    return this as unknown as RedisClient;
  }

  get status(): string {
    if (this.#ended) return 'end';
    return this.#wire ? 'ready' : 'wait';
  }

  on(_event: string, _listener: unknown): this {
    return this;
  }

  duplicate(): SimulatedClient {
    return new SimulatedClient(this.#network, this.#machine);
  }

  disconnect(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#connecting);
    this.#connecting = undefined;
    const wire = this.#wire;
    this.#wire = undefined;
    wire?.break();
    this.#rejectWaiting(connectionClosed());
  }

  evalsha(sha: string, keyCount: number, ...rest: Argument[]): Promise<unknown> {
    return this.call('EVALSHA', sha, keyCount, ...rest);
  }

  eval(lua: string, keyCount: number, ...rest: Argument[]): Promise<unknown> {
    return this.call('EVAL', lua, keyCount, ...rest);
  }

  xread(...args: Argument[]): Promise<unknown> {
    return this.call('XREAD', ...args);
  }

  async xreadBuffer(...args: Argument[]): Promise<unknown> {
    return inBytes((await this.call('XREAD', ...args)) as Reply);
  }

  xrange(...args: Argument[]): Promise<unknown> {
    return this.call('XRANGE', ...args);
  }

  async xrangeBuffer(...args: Argument[]): Promise<unknown> {
    return inBytes((await this.call('XRANGE', ...args)) as Reply);
  }

  xrevrange(...args: Argument[]): Promise<unknown> {
    return this.call('XREVRANGE', ...args);
  }

  xlen(key: string): Promise<unknown> {
    return this.call('XLEN', key);
  }

  xinfo(...args: Argument[]): Promise<unknown> {
    return this.call('XINFO', ...args);
  }

  memory(...args: Argument[]): Promise<unknown> {
    return this.call('MEMORY', ...args);
  }

  async hgetall(key: string): Promise<Record<string, string>> {
    const flat = (await this.call('HGETALL', key)) as string[];
    const hash: Record<string, string> = {};
    for (let i = 0; i < flat.length; i += 2) hash[flat[i] as string] = flat[i + 1] as string;
    return hash;
  }

  hget(key: string, field: string): Promise<unknown> {
    return this.call('HGET', key, field);
  }

  hmget(...args: Argument[]): Promise<unknown> {
    return this.call('HMGET', ...args);
  }

  hsetnx(...args: Argument[]): Promise<unknown> {
    return this.call('HSETNX', ...args);
  }

  mget(keys: string[]): Promise<unknown> {
    return this.call('MGET', ...keys);
  }

  get(key: string): Promise<unknown> {
    return this.call('GET', key);
  }

  set(...args: Argument[]): Promise<unknown> {
    return this.call('SET', ...args);
  }

  exists(...keys: string[]): Promise<unknown> {
    return this.call('EXISTS', ...keys);
  }

  info(section: string): Promise<unknown> {
    return this.call('INFO', section);
  }

  /** Any command. As with ioredis, arguments may come as lists. */
  call(name: string, ...args: readonly (Argument | readonly Argument[])[]): Promise<unknown> {
    const command = [name, ...args.flat().map(String)];
    return new Promise((resolve, reject) => {
      const machine = this.#machine;
      const fail = () => reject(connectionClosed());
      const settle = (reply: Reply | Error) => {
        machine.waiting.delete(fail);
        if (reply instanceof Error) reject(reply);
        else resolve(reply);
      };
      machine.waiting.add(fail);
      machine.pass(() => this.#submit({ command, settle }));
    });
  }

  #submit(request: Request): void {
    if (this.#ended) request.settle(connectionClosed());
    else if (this.#wire) this.#wire.send(request);
    else {
      this.#waiting.push(request);
      this.#connect(this.#network.latencyMs());
    }
  }

  #connect(afterMs: number): void {
    if (this.#connecting || this.#ended) return;
    this.#connecting = setTimeout(() => {
      this.#connecting = undefined;
      this.#machine.pass(() => this.#arrive());
    }, afterMs);
  }

  #arrive(): void {
    if (this.#ended || this.#wire) return;
    const server = this.#network.route(this.#machine);
    if (!server) {
      this.#rejectWaiting(
        new Error(
          'Reached the max retries per request limit (which is 0). Refer to "maxRetriesPerRequest" option for details.',
        ),
      );
      this.#connect(Math.min(RECONNECT_MS_MIN * 2 ** this.#attempts++, RECONNECT_MS_MAX));
      return;
    }
    this.#attempts = 0;
    const wire = new Wire(this.#network, this.#machine, server, () => {
      if (this.#wire !== wire) return;
      this.#wire = undefined;
      this.#connect(RECONNECT_MS_MIN);
    });
    this.#wire = wire;
    for (const request of this.#waiting.splice(0)) wire.send(request);
  }

  #rejectWaiting(error: Error): void {
    for (const { settle } of this.#waiting.splice(0)) settle(error);
  }
}

function inBytes(reply: Reply): unknown {
  if (typeof reply === 'string') return Buffer.from(reply);
  return Array.isArray(reply) ? reply.map(inBytes) : reply;
}
