import type { Tip } from '@depthcast/log';
import type { UnstampedInput } from '@depthcast/protocol';
import { feedInput } from './venues/feed-input.ts';
import { wallClockUs } from './venues/wall-clock.ts';

const TIP_POLL_MS = 1_000;

/** The part of InboxProducer that a lane drives. */
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

/** One partition as ingest meets it: where its inputs go, and what tells how its engine fares. */
export interface PartitionEnds {
  readonly sink: InputSink;
  readonly readTip: () => Promise<SeenTip | undefined>;
  /** Symbols whose book the engine could not keep in step, as of its newest snapshot. */
  readonly readUnsynced: () => Promise<Unsynced | undefined>;
}

/** What happens on a lane. */
export interface LaneEvents {
  /** Each input that was handed to the sink. */
  readonly onInput: (input: UnstampedInput) => void;
  /** An input that was dropped because the queue is full. */
  readonly onDropped: () => void;
  /** These books are to be started anew; all of them are this lane's. */
  readonly onResync: (reason: string, symbols: ReadonlySet<string>) => void;
  readonly info: (message: string, fields: Record<string, unknown>) => void;
}

/**
 * The way of a venue's inputs into one partition. What may break its books' continuity ends in their resync, and in
 * nobody else's: inputs had to be dropped because Redis did not take them; the log began a new epoch and may not know
 * what the books knew; or the log goes on in another Redis process, which may have lost more inputs than the sink has
 * sent again.
 */
export class InboxLane {
  readonly #ends: PartitionEnds;
  readonly #events: LaneEvents;
  readonly #tipPollMs: number;
  readonly #symbols = new Set<string>();
  #tipTimer: NodeJS.Timeout | undefined;
  #tip: SeenTip | undefined;
  #dropping = false;
  #stopped = false;
  #unsynced: Unsynced | undefined;

  constructor(ends: PartitionEnds, events: LaneEvents, tipPollMs = TIP_POLL_MS) {
    this.#ends = ends;
    this.#events = events;
    this.#tipPollMs = tipPollMs;
  }

  /** Watches the partition's log. */
  start(): void {
    void this.#pollTip();
  }

  push(input: UnstampedInput): void {
    const { onInput, onDropped, info } = this.#events;
    if (input.type === 'symbol') this.#symbols.add(input.symbol);
    // Once one input was refused, what follows it makes no sense without it: wait for the resync.
    if (this.#dropping) onDropped();
    else if (this.#ends.sink.push(input)) onInput(input);
    else {
      this.#dropping = true;
      onDropped();
      info('the inbox is full: dropping inputs until it takes them', {});
    }
  }

  /** To be called when the sink has emptied after it had refused inputs. */
  onSinkRecovered(): void {
    if (this.#stopped) return;
    this.#dropping = false;
    this.#events.info('the inbox takes inputs again', {});
    this.#feedsDown('ingest dropped inputs: the inbox was full');
    this.#resync('ingest dropped inputs: the inbox was full');
  }

  /** Says in the log that the venue is gone, and waits for what is queued. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#tipTimer);
    if (!this.#dropping) this.#feedsDown('ingest stopped');
    await this.#ends.sink.close();
  }

  #feedsDown(reason: string): void {
    for (const symbol of this.#symbols) this.push(feedInput(symbol, 'down', reason, wallClockUs()));
  }

  #resync(reason: string, symbols: ReadonlySet<string> = this.#symbols): void {
    // A partition may have none of a venue's symbols: there is nothing to start anew.
    if (symbols.size > 0) this.#events.onResync(reason, symbols);
  }

  async #pollTip(): Promise<void> {
    // Redis out of reach changes nothing here: the producer keeps the inputs, and the next poll asks again.
    const tip = await this.#ends.readTip().catch(() => undefined);
    const unsynced = await this.#ends.readUnsynced().catch(() => undefined);
    if (this.#stopped) return;
    if (tip) this.#onTip(tip);
    if (unsynced) this.#onUnsynced(unsynced);
    this.#tipTimer = setTimeout(() => void this.#pollTip(), this.#tipPollMs);
  }

  /** The first tip we see is no news: an engine that starts after us reads the inbox from its beginning. */
  #onTip({ epoch, runId }: SeenTip): void {
    const known = this.#tip;
    this.#tip = { epoch, runId };
    if (known === undefined) return;
    if (known.epoch !== epoch) {
      this.#events.info('the log began a new epoch', { epoch, before: known.epoch });
      this.#resync('new epoch');
    } else if (known.runId !== runId) {
      this.#events.info('the log goes on in another Redis process', { runId, before: known.runId });
      this.#resync('another Redis process');
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
    this.#events.info('books have lost step behind us', { symbols: lost.slice(0, 20) });
    this.#resync('the engine has a gap', new Set(lost));
  }
}
