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

/** What tells whether the log is still the one that it was. */
type SeenTip = Pick<Tip, 'epoch' | 'runId'>;

interface Unsynced {
  readonly cursor: string;
  readonly symbols: readonly string[];
}

export interface IngestLoopOptions {
  readonly venue: Venue;
  readonly sink: InputSink;
  readonly readTip: () => Promise<SeenTip | undefined>;
  /** Symbols whose book the engine could not keep in step, as of its newest snapshot. */
  readonly readUnsynced: () => Promise<Unsynced | undefined>;
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
 * Drives a venue into the inbox. What may break the books' continuity ends in a resync: inputs had to be dropped
 * because Redis did not take them; the log began a new epoch and may not know what the books knew; or the log goes on
 * in another Redis process, which may have lost more inputs than the sink has sent again.
 */
export class IngestLoop {
  readonly #options: IngestLoopOptions;
  readonly #symbols = new Set<string>();
  #subscription: Subscription | undefined;
  #tipTimer: NodeJS.Timeout | undefined;
  #tip: SeenTip | undefined;
  #dropping = false;
  #stopped = false;
  #unsynced: Unsynced | undefined;

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
    const unsynced = await this.#options.readUnsynced().catch(() => undefined);
    if (this.#stopped) return;
    if (tip) this.#onTip(tip);
    if (unsynced) this.#onUnsynced(unsynced);
    this.#tipTimer = setTimeout(() => void this.#pollTip(), this.#options.tipPollMs ?? TIP_POLL_MS);
  }

  /** The first tip we see is no news: an engine that starts after us reads the inbox from its beginning. */
  #onTip({ epoch, runId }: SeenTip): void {
    const known = this.#tip;
    this.#tip = { epoch, runId };
    if (known === undefined) return;
    if (known.epoch !== epoch) {
      this.#options.info('the log began a new epoch', { epoch, before: known.epoch });
      this.#options.venue.resync('new epoch');
    } else if (known.runId !== runId) {
      this.#options.info('the log goes on in another Redis process', { runId, before: known.runId });
      this.#options.venue.resync('another Redis process');
    }
  }

  /**
   * A book may lose step behind our back: an input was lost, or somebody else sent one. Our own view of it is then
   * that all is well, so the engine's counts. Twice in a row, since a sync takes its time.
   */
  #onUnsynced(unsynced: Unsynced): void {
    const before = this.#unsynced;
    if (before?.cursor === unsynced.cursor) return;
    this.#unsynced = unsynced;
    const lost = unsynced.symbols.filter((symbol) => this.#symbols.has(symbol) && before?.symbols.includes(symbol));
    if (lost.length === 0) return;
    this.#unsynced = undefined;
    this.#options.info('books have lost step behind us', { symbols: lost.slice(0, 20) });
    this.#options.venue.resync('the engine has a gap', new Set(lost));
  }
}
