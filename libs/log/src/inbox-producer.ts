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
  /** The queue is full: what comes now is refused. Once an episode. */
  readonly onOverflow?: () => void;
  /** The queue has emptied after an overflow: start every book anew. */
  readonly onRecovered?: () => void;
  readonly onError?: (error: Error) => void;
}

const BATCH_INPUTS_MAX = 500;
const RETRY_MS_MAX = 500;

/**
 * At least once, in order: inputs are stamped with (src, seq), queued, and sent one batch at a time. A batch whose
 * reply was lost is sent again whole; the engine applies each (src, seq) once. A batch is whatever came while the
 * one before was being written, so one input leaves at once when all is quiet.
 */
export class InboxProducer {
  readonly src: string;
  readonly #options: InboxProducerOptions;
  readonly #queueInputsMax: number;
  readonly #inboxEntriesMax: number;
  #queue: string[] = [];
  #seq = 0;
  #pump: Promise<void> | undefined;
  #overflowed = false;
  #closed = false;

  constructor(options: InboxProducerOptions) {
    this.#options = options;
    this.src = options.src ?? randomUUID();
    this.#queueInputsMax = options.queueInputsMax ?? 100_000;
    this.#inboxEntriesMax = options.inboxEntriesMax ?? 1_000_000;
  }

  /** Inputs not yet known to be in the inbox. */
  get queuedInputs(): number {
    return this.#queue.length / 2;
  }

  /** Queues an input. False: refused, because the queue is full or closed. */
  push(input: UnstampedInput): boolean {
    if (this.#closed || this.queuedInputs >= this.#queueInputsMax) {
      if (!this.#overflowed && !this.#closed) {
        this.#overflowed = true;
        this.#options.onOverflow?.();
      }
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
  }

  async #drain(): Promise<void> {
    const { client, keys, onError, onRecovered } = this.#options;
    let waitMs = 10;
    while (this.#queue.length > 0) {
      const batch = this.#queue.slice(0, BATCH_INPUTS_MAX * 2);
      try {
        const reply = (await runScript(client, produce, [keys.inbox], [this.#inboxEntriesMax, ...batch])) as string[];
        if (reply[0] !== 'OK') throw new Error(`the inbox is full: ${reply[1]} inputs nobody has read`);
        this.#queue.splice(0, batch.length);
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
}
