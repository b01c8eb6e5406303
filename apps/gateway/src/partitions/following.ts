import { setTimeout as sleep } from 'node:timers/promises';
import { DepthcastError } from '@depthcast/protocol';
import type { Gateway } from '../gateway.ts';

/** While somebody needs partitions. Call it when that is over; safe to call again. */
export type Release = () => void;

export interface Following {
  /** Redis is fit for us. */
  start(): void;
  stop(): void;
  /** Whether clients can be served. */
  readonly hasStarted: boolean;
  /**
   * Sees that partitions are followed, and that what is known of them is as new as they are.
   *
   * @throws DepthcastError `OVERLOADED` when that takes too long.
   */
  use(partitions: readonly number[]): Promise<Release>;
}

/** TAIL=all: every partition is followed. */
export class FollowAll implements Following {
  readonly #gateways: readonly Gateway[];

  constructor(gateways: readonly Gateway[]) {
    this.#gateways = gateways;
  }

  get hasStarted(): boolean {
    return this.#gateways.every(({ hasStarted }) => hasStarted);
  }

  start(): void {
    for (const gateway of this.#gateways) gateway.start();
  }

  stop(): void {}

  async use(partitions: readonly number[]): Promise<Release> {
    // Who asks must find what happened before.
    await Promise.all(partitions.map((partition) => this.#gateways[partition]?.refresh()));
    return () => {};
  }
}

interface Use {
  readonly gateway: Gateway;
  users: number;
  idle: NodeJS.Timeout | undefined;
  /** Starting and stopping, one after the other. */
  changing: Promise<void>;
}

const START_MS_MAX = 5_000;
/** A client that comes back, or the next one, should not have to wait for the books anew. */
const LINGER_MS = 30_000;

/** TAIL=lazy: a partition is followed while it has subscribers, and a while longer. */
export class FollowOnDemand implements Following {
  readonly #uses: readonly Use[];
  readonly #lingerMs: number;
  readonly #onStarted: () => void;
  #isStopped = false;
  hasStarted = false;

  constructor(gateways: readonly Gateway[], onStarted: () => void, lingerMs = LINGER_MS) {
    this.#onStarted = onStarted;
    this.#uses = gateways.map((gateway) => ({ gateway, users: 0, idle: undefined, changing: Promise.resolve() }));
    this.#lingerMs = lingerMs;
  }

  start(): void {
    this.hasStarted = true;
    this.#onStarted();
  }

  async use(partitions: readonly number[]): Promise<Release> {
    const uses = partitions.map((partition) => this.#uses[partition] as Use);
    for (const use of uses) this.#enter(use);
    let isOver = false;
    const release = () => {
      if (!isOver) for (const use of uses) this.#leave(use);
      isOver = true;
    };
    // Of the others it is only to be known how far they are: a client's id names them too.
    const others = this.#uses.filter((use) => !uses.includes(use) && !use.gateway.isFollowing);
    const all = Promise.all([
      ...uses.map(async ({ changing, gateway }) => {
        await changing;
        await gateway.caughtUp();
        await gateway.refresh();
      }),
      ...others.map(({ gateway }) => gateway.look()),
    ]);
    const late = new AbortController();
    try {
      await Promise.race([all, sleep(START_MS_MAX, undefined, { signal: late.signal }).then(tooLate)]);
      return release;
    } catch (error) {
      release();
      throw error;
    } finally {
      late.abort();
    }
  }

  stop(): void {
    this.#isStopped = true;
    for (const { idle } of this.#uses) clearTimeout(idle);
  }

  #enter(use: Use): void {
    use.users++;
    clearTimeout(use.idle);
    use.idle = undefined;
    use.changing = use.changing.then(() => {
      if (!this.#isStopped && use.users > 0) use.gateway.start();
    });
  }

  #leave(use: Use): void {
    if (--use.users > 0 || this.#isStopped) return;
    use.idle = setTimeout(() => {
      use.changing = use.changing.then(() => (use.users === 0 && !this.#isStopped ? use.gateway.pause() : undefined));
    }, this.#lingerMs);
    use.idle.unref();
  }
}

function tooLate(): never {
  throw new DepthcastError('OVERLOADED', 'what was asked for is being caught up with: come back soon');
}
