import type { Tip } from '@depthcast/log';
import type { UnstampedInput } from '@depthcast/protocol';
import type { Subscription } from 'rxjs';
import { feedInput } from './venues/feed-input.ts';
import type { Venue } from './venues/venue.ts';
import { wallClockUs } from './venues/wall-clock.ts';

const TIP_POLL_MS = 1_000;

/** The part of InboxProducer that the loop drives. */
export interface InputSink {
  push(input: UnstampedInput): boolean;
  close(): Promise<void>;
}

export interface IngestLoopOptions {
  readonly venue: Venue;
  readonly sink: InputSink;
  readonly readTip: () => Promise<Pick<Tip, 'epoch'> | undefined>;
  /** Each input that was handed to the sink. */
  readonly onInput: (input: UnstampedInput) => void;
  /** An input that was dropped because the queue is full. */
  readonly onDropped: () => void;
  /** The venue can never succeed. */
  readonly onFatal: (error: unknown) => void;
  readonly info: (message: string, fields: Record<string, unknown>) => void;
  readonly tipPollMs?: number;
}

/**
 * Drives a venue into the inbox. Two things break the books' continuity, and both end in a resync: inputs had to be
 * dropped because Redis did not take them, or the log began a new epoch and may not know what the books knew.
 */
export class IngestLoop {
  readonly #options: IngestLoopOptions;
  readonly #symbols = new Set<string>();
  #subscription: Subscription | undefined;
  #tipTimer: NodeJS.Timeout | undefined;
  #epoch: number | undefined;
  #dropping = false;
  #stopped = false;

  constructor(options: IngestLoopOptions) {
    this.#options = options;
  }

  start(): void {
    const { venue, onFatal } = this.#options;
    this.#subscription = venue.inputs().subscribe({ next: (input) => this.#onInput(input), error: onFatal });
    void this.#pollTip();
  }

  /** To be called when the sink has emptied after it had refused inputs. */
  onSinkRecovered(): void {
    if (this.#stopped) return;
    this.#dropping = false;
    this.#options.info('the inbox takes inputs again', {});
    this.#feedsDown('ingest dropped inputs: the inbox was full');
    this.#options.venue.resync('ingest dropped inputs: the inbox was full');
  }

  /** Stops the venue, says so in the log, and waits for what is queued. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#tipTimer);
    this.#subscription?.unsubscribe();
    if (!this.#dropping) this.#feedsDown('ingest stopped');
    await this.#options.sink.close();
  }

  #onInput(input: UnstampedInput): void {
    if (input.type === 'symbol') this.#symbols.add(input.symbol);
    // Once one input was refused, what follows it makes no sense without it: wait for the resync.
    if (this.#dropping) this.#options.onDropped();
    else if (this.#options.sink.push(input)) this.#options.onInput(input);
    else {
      this.#dropping = true;
      this.#options.onDropped();
      this.#options.info('the inbox is full: dropping inputs until it takes them', {});
    }
  }

  #feedsDown(reason: string): void {
    for (const symbol of this.#symbols) this.#onInput(feedInput(symbol, 'down', reason, wallClockUs()));
  }

  async #pollTip(): Promise<void> {
    // Redis out of reach changes nothing here: the producer keeps the inputs, and the next poll asks again.
    const tip = await this.#options.readTip().catch(() => undefined);
    if (this.#stopped) return;
    if (tip) this.#onEpoch(tip.epoch);
    this.#tipTimer = setTimeout(() => void this.#pollTip(), this.#options.tipPollMs ?? TIP_POLL_MS);
  }

  /** The first epoch we see is no news: an engine that starts after us reads the inbox from its beginning. */
  #onEpoch(epoch: number): void {
    const known = this.#epoch;
    this.#epoch = epoch;
    if (known === undefined || known === epoch) return;
    this.#options.info('the log began a new epoch', { epoch, before: known });
    this.#options.venue.resync('new epoch');
  }
}
