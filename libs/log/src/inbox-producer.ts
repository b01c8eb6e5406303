import { randomUUID } from 'node:crypto';
import { inputTopic, type UnstampedInput } from '@depthcast/protocol';
import type { RedisClient } from './connect.ts';
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
  /** Inputs kept after they were acknowledged, should Redis lose them; beyond it the oldest go. Default 100,000. */
  readonly retainedInputsMax?: number;
  /** The queue has emptied after push() had refused inputs: start every book anew. */
  readonly onRecovered?: () => void;
  readonly onError?: (error: Error) => void;
}

const BATCH_INPUTS_MAX = 500;
const RETRY_MS_MAX = 500;
/** How long an acknowledged input may still be lost, by a failover to a replica that was behind or by a crash. */
const RETAIN_MS = 5_000;
/** What two acknowledgements may age the retained inputs: an outage is no time in which a loss could have shown. */
const RETAIN_STEP_MS_MAX = 1_000;

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
  /** What another Redis process is to be sent again, ahead of the queue. */
  #again: string[] = [];
  #retained: Retained[] = [];
  #retainedInputs = 0;
  /** Time in which Redis acknowledged inputs, without its outages. */
  #ageMs = 0;
  #acknowledgedAtMs = Number.NEGATIVE_INFINITY;
  #runId = '';
  #seq = 0;
  #pump: Promise<void> | undefined;
  #overflowed = false;
  #closed = false;

  constructor(options: InboxProducerOptions) {
    this.#options = options;
    this.src = options.src ?? randomUUID();
    this.#queueInputsMax = options.queueInputsMax ?? 100_000;
    this.#inboxEntriesMax = options.inboxEntriesMax ?? 1_000_000;
    this.#retainedInputsMax = options.retainedInputsMax ?? 100_000;
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

  /** Resolves when everything pushed so far is in the inbox. */
  async flush(): Promise<void> {
    while (this.#pump) await this.#pump;
  }

  /** Refuses further inputs; waits at most `waitMs` for what is queued. */
  async close(waitMs = 5_000): Promise<void> {
    this.#closed = true;
    let timer: NodeJS.Timeout | undefined;
    const bound = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, waitMs);
    });
    await Promise.race([this.flush(), bound]);
    clearTimeout(timer);
    this.#queue = [];
    this.#again = [];
  }

  async #drain(): Promise<void> {
    const { onError, onRecovered } = this.#options;
    let waitMs = 10;
    while (this.queuedInputs > 0) {
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
    if (this.#overflowed && !this.#closed) {
      this.#overflowed = false;
      onRecovered?.();
    }
  }

  /** Sends the next batch of these, unless Redis is another process: then what may be lost comes first. */
  async #send(inputs: string[]): Promise<void> {
    const { client, keys } = this.#options;
    const batch = inputs.slice(0, BATCH_INPUTS_MAX * 2);
    const reply = (await runScript(
      client,
      produce,
      [keys.inbox],
      [this.#inboxEntriesMax, this.#runId, ...batch],
    )) as string[];
    const [outcome, detail = ''] = reply;
    if (outcome === 'REPLACED') {
      this.#runId = detail;
      this.#again = this.#retained.flatMap((retained) => retained.batch).concat(this.#again);
      this.#retained = [];
      this.#retainedInputs = 0;
    } else if (outcome === 'OK') {
      inputs.splice(0, batch.length);
      this.#retain(batch);
    } else throw new Error(`the inbox takes no more: ${detail}`);
  }

  #retain(batch: readonly string[]): void {
    const nowMs = performance.now();
    this.#ageMs += Math.min(nowMs - this.#acknowledgedAtMs, RETAIN_STEP_MS_MAX);
    this.#acknowledgedAtMs = nowMs;
    this.#retained.push({ batch, ageMs: this.#ageMs });
    this.#retainedInputs += batch.length / 2;
    for (let [oldest] = this.#retained; oldest && this.#isOver(oldest); [oldest] = this.#retained) {
      this.#retained.shift();
      this.#retainedInputs -= oldest.batch.length / 2;
    }
  }

  #isOver(oldest: Retained): boolean {
    return this.#retainedInputs > this.#retainedInputsMax || this.#ageMs - oldest.ageMs >= RETAIN_MS;
  }
}
