import { type InboxEntry, InboxReader, type LogHolder, type PartitionKeys, type RedisClient } from '@depthcast/log';

export interface InboxFeedOptions {
  readonly client: RedisClient;
  readonly keys: PartitionKeys;
  /** The last input that has been applied. */
  readonly after: string;
  /** Of one read. */
  readonly inputsMax: number;
  /** How long a read waits for the first input. */
  readonly blockMs: number;
  /** Ends it for good. */
  readonly signal: AbortSignal;
  /** Whose Redis process, and whose repairs, what is read must be of. */
  readonly holder: LogHolder;
}

/**
 * The inbox from an input on. After a full read the next one is asked for at once, so that Redis answers it while this
 * one is being applied; more than these two are never held.
 */
export class InboxFeed {
  readonly #options: InboxFeedOptions;
  #reader: InboxReader;
  #after: string;
  #reading: Promise<InboxEntry[]> | undefined;

  constructor(options: InboxFeedOptions) {
    this.#options = options;
    this.#after = options.after;
    this.#reader = this.#open();
  }

  /**
   * The inputs that follow; none when there were none for `blockMs`, or when the feed has been moved meanwhile.
   *
   * @throws DepthcastError `INBOX_TRIMMED`.
   */
  async next(): Promise<InboxEntry[]> {
    const { inputsMax, blockMs, signal } = this.#options;
    const reader = this.#reader;
    const read = () => reader.read(this.#after, inputsMax, signal, blockMs);
    this.#reading ??= read();
    const entries = await this.#reading.catch((error) => {
      if (reader !== this.#reader) return [];
      throw error;
    });
    if (reader !== this.#reader) return [];
    this.#reading = undefined;
    this.#after = entries.at(-1)?.id ?? this.#after;
    if (entries.length === inputsMax) {
      this.#reading = read();
      // Whoever asks next hears of it.
      this.#reading.catch(() => {});
    }
    return entries;
  }

  /** Goes on after another input: what is being read is dropped. */
  moveTo(inboxId: string): void {
    this.#reader.close();
    this.#after = inboxId;
    this.#reading = undefined;
    this.#reader = this.#open();
  }

  /** @throws DepthcastError `INBOX_TRIMMED` unless every input ever added is still there. */
  assertWhole(): Promise<void> {
    return this.#reader.assertWhole(this.#options.signal);
  }

  /** @throws DepthcastError `INBOX_TRIMMED` unless this input is still there. */
  assertHolds(inboxId: string): Promise<void> {
    return this.#reader.assertHolds(inboxId, this.#options.signal);
  }

  close(): void {
    this.#reader.close();
  }

  #open(): InboxReader {
    const { client, keys, holder } = this.#options;
    return new InboxReader(client, keys, holder);
  }
}
