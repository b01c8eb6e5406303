import { connectRedis, type PartitionKeys, partitionKeys, type RedisClient } from '@depthcast/log';
import { formatCursor } from '@depthcast/protocol';
import { type RecorderLimits, RecorderLoop, recorderLimits } from '../recorder/recorder-loop.ts';
import { RetireLoop } from '../recorder/retire-loop.ts';
import type { JournalStore } from '../stores/journal-store.ts';

export interface TestRecorderOptions {
  readonly url: string;
  readonly store: JournalStore;
  readonly keys?: PartitionKeys;
  readonly limits?: Partial<RecorderLimits>;
  /** How much of what is stored stays in Redis. */
  readonly windowBytes?: number;
}

/** A recorder in this process, over connections of its own, and all that it told of itself. */
export class TestRecorder {
  readonly client: RedisClient;
  readonly loop: RecorderLoop;
  /** What it ended with; undefined after a stop. */
  readonly ended: Promise<(Error & { code?: string; exit?: number }) | undefined>;
  compared: number[] = [];
  readonly begunAgain: string[] = [];
  readonly failures: string[] = [];
  stoodBy = 0;
  retired = 0;
  readonly #abort = new AbortController();

  constructor({ url, store, keys = partitionKeys(), limits, windowBytes = 2 ** 30 }: TestRecorderOptions) {
    this.client = connectRedis(url);
    const { client } = this;
    this.loop = new RecorderLoop({
      client,
      keys,
      store,
      limits: { ...recorderLimits(1), commitEveryMs: 0, standByMs: 100, ...limits },
      observer: {
        recording: (_, compared) => this.compared.push(compared),
        standingBy: () => {
          this.stoodBy++;
        },
        databaseAway: (error) => this.failures.push(error.message),
        begunAgain: (why) => this.begunAgain.push(why),
      },
    });
    const retiring = new RetireLoop({
      client,
      keys,
      windowBytes,
      recorder: this.loop,
      everyMs: 50,
      onRetired: (entries) => {
        this.retired += entries;
      },
    });
    const { signal } = this.#abort;
    this.ended = Promise.all([this.loop.run(signal), retiring.run(signal)]).then(
      () => undefined,
      (error: Error) => {
        this.#abort.abort();
        return error;
      },
    );
  }

  get stored(): string | undefined {
    return this.loop.stored && formatCursor(this.loop.stored);
  }

  /** Like SIGTERM. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.ended;
    if (this.client.status !== 'end') this.client.disconnect();
  }
}
