import { setTimeout as sleep } from 'node:timers/promises';
import { type RedisClient, retryReads } from './connect.ts';
import type { PartitionKeys } from './keys.ts';
import { runScript, script } from './script.ts';
import { RUN_ID } from './scripts/shared.lua.ts';

/** How long a lease outlives its last renewal: a killed engine is succeeded after so long. */
export const LEASE_MS = 1_500;
const RENEW_MS = 500;
/**
 * What an outage of Redis took from a lease is given back before anybody else may take it: in so long a living holder
 * has connected again (2 s at most) and renewed it, and can repair what Redis lost.
 */
const GRACE_MS = 3_000;
/** How long a pause may matter: who took over meanwhile has appended since, and Redis loses no more than seconds. */
const PAUSE_MATTERS_MS = 10_000;
/** A lease that ran out is looked at once more after so long, before it is taken. */
const AGAIN_MS = 50;

/**
 * Takes it where nobody holds it. KEYS: leader. ARGV: id, time to live (0 only looks), and the run id of the Redis
 * process that was known to hold it ('' any): another one is not to be taken at its word.
 *
 * Answers the holder, '' where there is none, and the run id.
 */
const take = script(
  'take',
  `${RUN_ID}
local holder, run = redis.call('GET', KEYS[1]), run_id()
if not holder and ARGV[2] ~= '0' and (ARGV[3] == '' or ARGV[3] == run) then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  holder = ARGV[1]
end
return { holder or '', run }
`,
);

/**
 * Renews it, also where it ran out and nobody took it, or drops it (time to live 0); never another's. KEYS: leader.
 * ARGV: id, time to live. Answers 1, or 0 where it is another's.
 */
const hold = script(
  'hold',
  `
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then redis.call('DEL', KEYS[1]) else redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return 1
`,
);

export interface LeaseOptions {
  readonly client: RedisClient;
  readonly keys: PartitionKeys;
  readonly id: string;
  /** Somebody else holds it: waiting. Once. */
  readonly onStandby?: (holder: string) => void;
  /** {@link LogWriter.heldMs}, where there is a writer: a pause before that has done no harm. */
  readonly heldMs?: () => number;
}

/**
 * Who of several engines appends. It keeps two living engines from fencing each other in turn, and nothing more:
 * whoever lost it without noticing is refused by the log's own checks.
 */
export class Lease {
  readonly #options: LeaseOptions;
  #renewing: NodeJS.Timeout | undefined;
  #lost = false;
  #tickMs = 0;
  #pausedMs = Number.NEGATIVE_INFINITY;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  /**
   * Whether another engine may have taken over without this one knowing: it holds the lease, or this process stood
   * still for longer than a lease lasts and has landed no append since. Redis refuses an append then; but one that has
   * lost the takeover cannot, so it must not be repaired.
   */
  get lapsed(): boolean {
    const nowMs = performance.now();
    const { heldMs = () => Number.NEGATIVE_INFINITY } = this.#options;
    const pauseMatters = nowMs - this.#pausedMs < PAUSE_MATTERS_MS && heldMs() <= this.#pausedMs;
    return this.#lost || nowMs - this.#tickMs > LEASE_MS || pauseMatters;
  }

  /**
   * Waits until nobody else holds it, then keeps it renewed until {@link release}. What somebody held must be found
   * free twice: in a Redis that stood still it has run out, though the renewals of a living holder wait to be read.
   */
  async acquire(signal: AbortSignal): Promise<void> {
    const { id, onStandby } = this.#options;
    let told = false;
    let knownRunId = '';
    let graceEndsMs = 0;
    let wasFree = true;
    for (;;) {
      signal.throwIfAborted();
      const mayTake = wasFree && performance.now() >= graceEndsMs;
      const [holder, runId] = await this.#take(mayTake ? LEASE_MS : 0, knownRunId, signal);
      // Perhaps ours already: the reply to an earlier try was lost.
      if (holder === id) break;
      if (knownRunId !== '' && runId !== knownRunId) graceEndsMs = performance.now() + GRACE_MS;
      knownRunId = runId;
      if (holder !== '' && !told) onStandby?.(holder);
      told ||= holder !== '';
      wasFree = holder === '';
      await sleep(wasFree ? AGAIN_MS : RENEW_MS / 2, undefined, { signal });
    }
    this.#tickMs = performance.now();
    this.#renewing = setInterval(() => this.#renew(), RENEW_MS);
  }

  /** The next engine need not wait. */
  async release(): Promise<void> {
    if (!this.#renewing) return;
    clearInterval(this.#renewing);
    this.#renewing = undefined;
    await this.#hold(0);
  }

  #renew(): void {
    const nowMs = performance.now();
    if (nowMs - this.#tickMs > LEASE_MS) this.#pausedMs = nowMs;
    this.#tickMs = nowMs;
    void this.#hold(LEASE_MS);
  }

  async #take(ms: number, knownRunId: string, signal: AbortSignal): Promise<[holder: string, runId: string]> {
    const { client, keys, id } = this.#options;
    const ask = () => runScript(client, take, [keys.leader], [id, ms, knownRunId]);
    return (await retryReads(ask, signal)) as [string, string];
  }

  /** A renewal that fails is no harm: the next may succeed, and the lease only saves trouble. */
  async #hold(ms: number): Promise<void> {
    const { client, keys, id } = this.#options;
    const held = await runScript(client, hold, [keys.leader], [id, ms]).catch(() => undefined);
    if (held !== undefined) this.#lost = held === 0;
  }
}
