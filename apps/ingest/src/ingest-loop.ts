import { partitionOf, type UnstampedInput } from '@depthcast/protocol';
import type { Subscription } from 'rxjs';
import { InboxLane, type PartitionEnds } from './inbox-lane.ts';
import type { Venue } from './venues/venue.ts';

export interface IngestLoopOptions {
  readonly venue: Venue;
  /** Every partition's, in their order. */
  readonly partitions: readonly PartitionEnds[];
  /** Each input that was handed to a partition's sink. */
  readonly onInput: (input: UnstampedInput, partition: number) => void;
  /** An input that was dropped because the partition's queue is full. */
  readonly onDropped: (partition: number) => void;
  /** The venue can never succeed. */
  readonly onFatal: (error: unknown) => void;
  readonly info: (message: string, fields: Record<string, unknown>) => void;
  readonly tipPollMs?: number;
}

/**
 * Drives a venue into the inboxes: each symbol's inputs go to its partition alone, and time to all of them. What
 * befalls one partition is its own lane's matter; the others know nothing of it.
 */
export class IngestLoop {
  readonly #options: IngestLoopOptions;
  readonly #lanes: readonly InboxLane[];
  /** By symbol: the sum over its letters need not be made for each of 50,000 inputs a second. */
  readonly #laneOf = new Map<string, InboxLane>();
  #subscription: Subscription | undefined;

  constructor(options: IngestLoopOptions) {
    this.#options = options;
    const { venue, onInput, onDropped, info } = options;
    this.#lanes = options.partitions.map(
      (ends, partition) =>
        new InboxLane(
          ends,
          {
            onInput: (input) => onInput(input, partition),
            onDropped: () => onDropped(partition),
            onResync: (reason, symbols) => venue.resync(reason, symbols),
            info: (message, fields) => info(message, { partition, ...fields }),
          },
          options.tipPollMs,
        ),
    );
  }

  start(): void {
    const { venue, onFatal } = this.#options;
    this.#subscription = venue.inputs().subscribe({ next: (input) => this.#route(input), error: onFatal });
    for (const lane of this.#lanes) lane.start();
  }

  /** To be called when a partition's sink has emptied after it had refused inputs. */
  onSinkRecovered(partition: number): void {
    this.#lanes[partition]?.onSinkRecovered();
  }

  /** Stops the venue, says so in the logs, and waits for what is queued. */
  async stop(): Promise<void> {
    this.#subscription?.unsubscribe();
    await Promise.all(this.#lanes.map((lane) => lane.stop()));
  }

  #route(input: UnstampedInput): void {
    if (input.type === 'clock') for (const lane of this.#lanes) lane.push(input);
    // Only an account's cancel may name no symbol, and venues have no accounts.
    else this.#lane(input.symbol ?? '').push(input);
  }

  #lane(symbol: string): InboxLane {
    const known = this.#laneOf.get(symbol);
    if (known) return known;
    const lane = this.#lanes[partitionOf(symbol, this.#lanes.length)] as InboxLane;
    this.#laneOf.set(symbol, lane);
    return lane;
  }
}
