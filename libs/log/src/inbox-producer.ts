import { randomUUID } from 'node:crypto';
import { DepthcastError, inputTopic, type UnstampedInput } from '@depthcast/protocol';
import { isReplyError, type RedisClient } from './connect.ts';
import { Fifo } from './fifo.ts';
import type { PartitionKeys } from './keys.ts';
import { runScript } from './script.ts';
import { produce } from './scripts/produce.lua.ts';

export interface InboxProducerOptions {
  readonly client: RedisClient;
  readonly keys: PartitionKeys;
  /** Unique to this process start; random by default. */
  readonly src?: string;
  /** Inputs that wait for Redis; beyond it push() refuses. Default 100,000. */
  readonly queueInputsMax?: number;
  /** Entries in the inbox at which it counts as unread, and nothing more is added. Default 1,000,000. */
  readonly inboxEntriesMax?: number;
  /** Inputs kept after they were acknowledged, should Redis lose them; beyond it the oldest go. Default 250,000. */
  readonly retainedInputsMax?: number;
  /** The queue has emptied after push() had refused inputs: start every book anew. */
  readonly onRecovered?: () => void;
  readonly onError?: (error: Error) => void;
}

const BATCH_INPUTS_MAX = 500;
const RETRY_MS_MAX = 500;
const PROBE_MS = 1_000;
/**
 * How long an acknowledged input may still be lost, counted in time in which Redis acknowledged: a server that syncs
 * its file once a second loses two at most, a replica is behind by less, and a master that has been replaced may go
 * on acknowledging for ten until its producers are led to the new one. How long a failover takes does not count, since
 * nothing is acknowledged meanwhile.
 */
const RETAIN_MS = 15_000;
/** Four seconds of all that one engine can apply. */
const RETAINED_INPUTS_MAX = 250_000;
/** What two acknowledgements may age the retained inputs: an outage is no time in which a loss could have shown. */
const RETAIN_STEP_MS_MAX = 1_000;

/** A call of send(). */
interface Waiter {
  acknowledged(): void;
  giveUp(why: string): void;
}

/** Acknowledged inputs: topic, payload, topic, payload … */
interface Retained {
  readonly batch: readonly string[];
  readonly ageMs: number;
}

/**
 * At least once, in order: inputs are stamped with (src, seq), queued, and sent one batch at a time. A batch whose
 * reply was lost is sent again whole; the engine applies each (src, seq) once. A batch is whatever came while the
 * one before was being written, so one input leaves at once when all is quiet.
 *
 * Another Redis process (a failover, a restart) may have lost what the one before it acknowledged. Before anything
 * else it is sent the inputs of the last seconds again.
 */
export class InboxProducer {
  readonly src: string;
  readonly #options: InboxProducerOptions;
  readonly #queueInputsMax: number;
  readonly #inboxEntriesMax: number;
  readonly #retainedInputsMax: number;
  #queue: string[] = [];
  /** So many of the queue's first strings are under way, or were and nobody knows whether they arrived. */
  #exposed = 0;
  /** Who waits for an acknowledgement, by payload. */
  readonly #waiters = new Map<string, Waiter>();
  /** What another Redis process is to be sent again, ahead of the queue. */
  #again: string[] = [];
  #retained = new Fifo<Retained>();
  #retainedInputs = 0;
  /** Time in which Redis acknowledged inputs, without its outages. */
  #ageMs = 0;
  #acknowledgedAtMs = Number.NEGATIVE_INFINITY;
  #runId = '';
  #seq = 0;
  #pump: Promise<void> | undefined;
  #probe: NodeJS.Timeout | undefined;
  #overflowed = false;
  #closed = false;
  /** What is still queued will not be sent. */
  #ended = false;

  constructor(options: InboxProducerOptions) {
    this.#options = options;
    this.src = options.src ?? randomUUID();
    this.#queueInputsMax = options.queueInputsMax ?? 100_000;
    this.#inboxEntriesMax = options.inboxEntriesMax ?? 1_000_000;
    this.#retainedInputsMax = options.retainedInputsMax ?? RETAINED_INPUTS_MAX;
  }

  /** Inputs not yet known to be in the inbox. */
  get queuedInputs(): number {
    return (this.#again.length + this.#queue.length) / 2;
  }

  /** Inputs that are in the inbox, kept should Redis lose them. */
  get retainedInputs(): number {
    return this.#retainedInputs;
  }

  /** Queues an input. False: refused, because the queue is full or closed. */
  push(input: UnstampedInput): boolean {
    if (this.#closed) return false;
    // What is sent again does not count: it is bounded by itself, and must not make the queue look full.
    if (this.#queue.length / 2 >= this.#queueInputsMax) {
      this.#overflowed = true;
      return false;
    }
    const payload = JSON.stringify({ src: this.src, seq: ++this.#seq, ...input });
    this.#queue.push(inputTopic(input as { type: string; symbol?: string }), payload);
    // The microtask lets everything pushed in one turn leave in one batch.
    this.#pump ??= Promise.resolve().then(() => this.#drain());
    return true;
  }

  /**
   * Queues an input and waits until Redis has acknowledged it.
   *
   * @throws DepthcastError `OVERLOADED` when it was not taken, or not acknowledged within `timeoutMs`. The message says
   *   whether it may still be applied: not where it could be withdrawn before it was sent.
   */
  async send(input: UnstampedInput, { timeoutMs }: { readonly timeoutMs: number }): Promise<void> {
    if (!this.push(input)) {
      const why = this.#closed ? 'this process is closing' : `${this.#queueInputsMax} inputs wait for Redis already`;
      throw new DepthcastError('OVERLOADED', `${why}: this one was not taken and will not be applied`);
    }
    const payload = this.#queue.at(-1) as string;
    await new Promise<void>((acknowledge, reject) => {
      const giveUp = (why: string) => {
        const outcome = this.#withdraw(payload) ? 'it will not be applied' : 'it may still be applied';
        settle(() => reject(new DepthcastError('OVERLOADED', `${why}: ${outcome}`)));
      };
      const settle = (as: () => void) => {
        clearTimeout(timer);
        this.#waiters.delete(payload);
        as();
      };
      const timer = setTimeout(() => giveUp(`Redis has not acknowledged this input in ${timeoutMs} ms`), timeoutMs);
      this.#waiters.set(payload, { acknowledged: () => settle(acknowledge), giveUp });
    });
  }

  /** Resolves when everything pushed so far is in the inbox. */
  async flush(): Promise<void> {
    while (this.#pump) await this.#pump;
  }

  /** Refuses further inputs; waits at most `waitMs` for what is queued. */
  async close(waitMs = 5_000): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#probe);
    let timer: NodeJS.Timeout | undefined;
    const bound = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, waitMs);
    });
    await Promise.race([this.flush(), bound]);
    clearTimeout(timer);
    this.#ended = true;
    for (const waiter of [...this.#waiters.values()]) waiter.giveUp('this process has ended');
  }

  async #drain(): Promise<void> {
    const { onError, onRecovered } = this.#options;
    clearTimeout(this.#probe);
    let waitMs = 10;
    while (this.queuedInputs > 0 && !this.#ended) {
      try {
        await this.#send(this.#again.length > 0 ? this.#again : this.#queue);
        waitMs = 10;
      } catch (error) {
        onError?.(error as Error);
        await new Promise((resolve) => setTimeout(resolve, waitMs));
        waitMs = Math.min(waitMs * 2, RETRY_MS_MAX);
      }
    }
    this.#pump = undefined;
    this.#probeLater();
    if (this.#overflowed && !this.#closed) {
      this.#overflowed = false;
      onRecovered?.();
    }
  }

  /** Whoever has nothing more to send would never learn that the last of it was lost: while that may be, it asks. */
  #probeLater(): void {
    if (this.#closed || !this.#retained.oldest) return;
    this.#probe = setTimeout(() => {
      // An outage is waited out by asking again; what is found lost makes the queue go on.
      this.#pump ??= this.#send([])
        .catch(() => {})
        .then(() => this.#drain());
    }, PROBE_MS).unref();
  }

  /** Sends the next batch of these, unless Redis is another process: then what may be lost comes first. */
  async #send(inputs: string[]): Promise<void> {
    const batch = inputs.slice(0, BATCH_INPUTS_MAX * 2);
    const [outcome, detail = ''] = await this.#produce(batch, inputs === this.#queue);
    if (outcome === 'REPLACED') {
      this.#runId = detail;
      this.#again = this.#retained
        .toArray()
        .flatMap((retained) => retained.batch)
        .concat(this.#again);
      this.#retained = new Fifo();
      this.#retainedInputs = 0;
    } else if (outcome === 'OK') {
      inputs.splice(0, batch.length);
      this.#retain(batch);
      if (inputs === this.#queue) this.#exposed = Math.max(0, this.#exposed - batch.length);
      if (this.#waiters.size > 0) for (const text of batch) this.#waiters.get(text)?.acknowledged();
    } else throw new Error(`the inbox takes no more: ${detail}`);
  }

  async #produce(batch: readonly string[], isQueued: boolean): Promise<string[]> {
    const { client, keys } = this.#options;
    const exposed = this.#exposed;
    if (isQueued) this.#exposed = Math.max(exposed, batch.length);
    try {
      const args = [this.#inboxEntriesMax, this.#runId, ...batch];
      const reply = (await runScript(client, produce, [keys.inbox], args)) as string[];
      // A refusal is certain: these are no nearer to the inbox than before.
      if (reply[0] !== 'OK') this.#exposed = exposed;
      return reply;
    } catch (error) {
      if (isReplyError(error)) this.#exposed = exposed;
      throw error;
    }
  }

  /** Takes an input out of the queue; false where it may have been sent. */
  #withdraw(payload: string): boolean {
    const at = this.#queue.indexOf(payload, this.#exposed);
    if (at < 0) return false;
    this.#queue.splice(at - 1, 2);
    return true;
  }

  #retain(batch: readonly string[]): void {
    const nowMs = performance.now();
    this.#ageMs += Math.min(nowMs - this.#acknowledgedAtMs, RETAIN_STEP_MS_MAX);
    this.#acknowledgedAtMs = nowMs;
    if (batch.length > 0) this.#retained.push({ batch, ageMs: this.#ageMs });
    this.#retainedInputs += batch.length / 2;
    for (let { oldest } = this.#retained; oldest && this.#isOver(oldest); oldest = this.#retained.oldest) {
      this.#retained.shift();
      this.#retainedInputs -= oldest.batch.length / 2;
    }
  }

  #isOver(oldest: Retained): boolean {
    return this.#retainedInputs > this.#retainedInputsMax || this.#ageMs - oldest.ageMs >= RETAIN_MS;
  }
}
