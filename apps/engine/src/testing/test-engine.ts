import { randomUUID } from 'node:crypto';
import { connectRedis, type Lag, type PartitionKeys, type RedisClient, type Repaired } from '@depthcast/log';
import type { MarketOptions } from '@depthcast/market';
import { EngineLoop } from '../engine-loop.ts';
import type { Recovered } from '../recover.ts';

export interface TestEngineOptions {
  readonly snapshotEveryMs?: number;
  readonly snapshotEveryEvents?: number;
  readonly logBytesMax?: number;
  readonly market?: Partial<MarketOptions>;
  /** Another way to Redis, such as a proxy's. */
  readonly url?: string;
  /** What another engine writes is never looked at: it takes the lease from it. */
  readonly atOnce?: boolean;
}

/** An engine's loop in this process, over a connection of its own, and all that it told of itself. */
export class TestEngine {
  readonly client: RedisClient;
  /** What it ended with; undefined after a stop. */
  readonly ended: Promise<(Error & { code?: string; exit?: number }) | undefined>;
  recovered: Recovered | undefined;
  tookMs = 0;
  waits = false;
  /** Whether it compares, once it follows. */
  compares: boolean | undefined;
  lagEntries = -1;
  comparedEvents = 0;
  readonly begunAgain: string[] = [];
  readonly repaired: Repaired[] = [];
  snapshots = 0;
  /** How far a journal is behind, where there is one. */
  journalLag: Lag | undefined;
  readonly #abort = new AbortController();
  readonly #hasRecovered: Promise<Recovered>;

  constructor(url: string, keys: PartitionKeys, options: TestEngineOptions) {
    this.client = connectRedis(options.url ?? url);
    let onRecovered = (_recovered: Recovered): void => {};
    this.#hasRecovered = new Promise((resolve) => {
      onRecovered = resolve;
    });
    const loop = new EngineLoop({
      client: this.client,
      keys,
      writer: randomUUID(),
      logBytesMax: options.logBytesMax ?? 2 ** 30,
      snapshotEveryMs: options.snapshotEveryMs ?? 3_600_000,
      snapshotEveryEvents: options.snapshotEveryEvents ?? 1_000_000,
      ...(options.market ? { market: options.market } : {}),
      observer: {
        standby: () => {
          this.waits = true;
        },
        standbyFollows: (compares) => {
          this.compares = compares;
        },
        standbyLags: (entries, events) => {
          this.lagEntries = entries;
          this.comparedEvents += events;
        },
        standbyBeginsAgain: (why) => this.begunAgain.push(why),
        recovered: (recovered, _, ms) => {
          this.recovered = recovered;
          this.tookMs = ms;
          onRecovered(recovered);
        },
        repaired: (repaired) => this.repaired.push(repaired),
        journalLags: (lag) => {
          this.journalLag = lag;
        },
        snapshotted: () => {
          this.snapshots++;
        },
      },
    });
    const free = options.atOnce ? this.client.del(keys.leader) : Promise.resolve(0);
    this.ended = free
      .then(() => loop.run(this.#abort.signal))
      .then(
        () => undefined,
        (error: Error) => error,
      );
  }

  /** Resolves when it appends. @throws what it ended with instead. */
  async ready(): Promise<Recovered> {
    const ended = this.ended.then((error) => Promise.reject(error ?? new Error('stopped')));
    return Promise.race([this.#hasRecovered, ended]);
  }

  /** Like SIGTERM. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.ended;
    this.#disconnect();
  }

  /** Like SIGKILL: nothing more of it reaches Redis, not even that it leaves. */
  kill(): void {
    this.#disconnect();
    this.#abort.abort();
  }

  /** Once: a second time keeps a timer for two seconds. */
  #disconnect(): void {
    if (this.client.status !== 'end') this.client.disconnect();
  }
}
