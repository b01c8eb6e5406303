import { LogGapError, LogReader, type PartitionKeys, type RedisClient, Timeline } from '@depthcast/log';
import { type Cursor, compareCursors, formatCursor } from '@depthcast/protocol';
import type { Sightings } from './sightings.ts';

export interface FollowerOptions {
  readonly name: string;
  readonly client: RedisClient;
  readonly keys: PartitionKeys;
  readonly sightings: Sightings;
  readonly signal: AbortSignal;
}

const RANGE_MAX = 500;

/** A gateway's tail with one client of it, who comes back to it with a cursor, here or after it has died. */
export class Follower {
  cursor: Cursor | undefined;
  readonly #options: FollowerOptions;
  readonly #reader: LogReader;

  constructor(options: FollowerOptions, cursor: Cursor | undefined) {
    this.#options = options;
    this.#reader = new LogReader(options.client, options.keys);
    this.cursor = cursor;
  }

  /** Until the signal aborts. */
  async run(): Promise<void> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#resume();
        await this.#follow();
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof LogGapError)) throw error;
        await this.#pause();
      }
    }
  }

  /** Is what it has seen still the beginning of what is there? If not it is told why, and begins anew. */
  async #resume(): Promise<void> {
    const { client, keys, name, sightings } = this.#options;
    if (this.cursor) {
      const timeline = await Timeline.load(client, keys);
      const found = timeline.locate(this.cursor);
      if (found !== 'held') {
        sightings.reset(name, found);
        this.cursor = undefined;
      }
    }
    try {
      const entries = await this.#reader.range(this.cursor, RANGE_MAX);
      this.#see(entries);
    } catch (error) {
      const earliest = await this.#reader.earliest();
      // Else the log has turned since the look at its timeline: another look will tell.
      if (!this.cursor || !earliest || compareCursors(earliest, this.cursor) <= 0) throw error;
      sightings.reset(name, 'trimmed');
      this.cursor = undefined;
    }
  }

  async #follow(): Promise<void> {
    const { signal } = this.#options;
    if (!this.cursor) return this.#pause();
    for await (const entries of this.#reader.follow(this.cursor, { signal })) this.#see(entries);
  }

  #see(entries: Awaited<ReturnType<LogReader['range']>>): void {
    const { name, sightings } = this.#options;
    for (const { epoch, offset, topic, payload } of entries) {
      this.cursor = { epoch, offset };
      sightings.see(name, formatCursor(this.cursor), `${topic} ${payload.toString()}`);
    }
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, 100));
  }
}
