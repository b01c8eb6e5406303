import { setTimeout as sleep } from 'node:timers/promises';
import { type RedisClient, retryReads } from './connect.ts';
import type { PartitionKeys } from './keys.ts';
import { runScript, script } from './script.ts';

/** How long a lease outlives its last renewal: a killed engine is succeeded after so long. */
export const LEASE_MS = 1_500;
const RENEW_MS = 500;

/** Renews, or drops, only what is still ours. KEYS: leader. ARGV: id, time to live (0 drops). */
const hold = script(
  'hold',
  `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then return redis.call('DEL', KEYS[1]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
`,
);

export interface LeaseOptions {
  readonly client: RedisClient;
  readonly keys: PartitionKeys;
  readonly id: string;
  /** Somebody else holds it: waiting. Once. */
  readonly onStandby?: (holder: string) => void;
}

/**
 * Who of several engines appends. It keeps two living engines from fencing each other in turn, and nothing more:
 * whoever lost it without noticing is refused by the log's own checks.
 */
export class Lease {
  readonly #options: LeaseOptions;
  #renewing: NodeJS.Timeout | undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  /** Waits until nobody else holds it, then keeps it renewed until {@link release}. */
  async acquire(signal: AbortSignal): Promise<void> {
    const { client, keys, id, onStandby } = this.#options;
    let told = false;
    for (;;) {
      signal.throwIfAborted();
      const taken = await retryReads(() => client.set(keys.leader, id, 'PX', LEASE_MS, 'NX'), signal);
      const holder = taken ? id : await retryReads(() => client.get(keys.leader), signal);
      // Ours already: the reply to an earlier try was lost.
      if (holder === id) break;
      if (holder !== null && !told) onStandby?.(holder);
      told ||= holder !== null;
      await sleep(RENEW_MS / 2, undefined, { signal });
    }
    this.#renewing = setInterval(() => void this.#hold(LEASE_MS), RENEW_MS);
  }

  /** The next engine need not wait. */
  async release(): Promise<void> {
    if (!this.#renewing) return;
    clearInterval(this.#renewing);
    this.#renewing = undefined;
    await this.#hold(0);
  }

  /** A renewal that fails is no harm: the next may succeed, and the lease only saves trouble. */
  async #hold(ms: number): Promise<void> {
    const { client, keys, id } = this.#options;
    await runScript(client, hold, [keys.leader], [id, ms]).catch(() => {});
  }
}
