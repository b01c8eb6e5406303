import type { Lag } from '@depthcast/log';
import { nowAndThen } from '@depthcast/ops';
import { formatCursor } from '@depthcast/protocol';
import type { Logger } from 'pino';
import type { EngineObserver } from './engine-loop.ts';
import type { PartitionMetrics } from './engine-metrics.ts';

const DOUBT_LOG_MS = 5_000;
const LAG_LOG_MS = 10_000;
/** The journal itself warns sooner, while it lives. */
const JOURNAL_LATE_SECONDS = 10;

/** What happens to the engine of one partition, as log lines, metrics and readiness. */
export class EngineReport {
  readonly #logger: Logger;
  readonly #metrics: PartitionMetrics;
  readonly #onReady: (how: string) => void;
  readonly #logDoubt = nowAndThen(DOUBT_LOG_MS, (what: string, error: Error) =>
    this.#logger.warn({ what, err: error.message }, 'Redis refuses or does not answer; retrying'),
  );
  readonly #logLag = nowAndThen(LAG_LOG_MS, (facts: object) =>
    this.#logger.warn(facts, 'the journal is behind, or down: nothing that it has not stored is trimmed'),
  );

  /** @param onReady it has caught up, in the way that it says: it appends, or stands by. */
  constructor(logger: Logger, metrics: PartitionMetrics, onReady: (how: string) => void) {
    this.#logger = logger;
    this.#metrics = metrics;
    this.#onReady = onReady;
  }

  observer(): EngineObserver {
    return { ...this.#observeWaiting(), ...this.#observeApplying() };
  }

  /** Redis away gives many of these; one line in a while tells as much. */
  doubt(what: string, error: Error): void {
    this.#metrics.doubted();
    this.#logDoubt(what, error);
  }

  /** Until it appends. */
  #observeWaiting(): EngineObserver {
    const [logger, metrics] = [this.#logger, this.#metrics];
    return {
      standby: (holder) => logger.info({ holder }, 'standing by: another engine appends'),
      standbyFollows: (compares) => {
        const how = compares ? 'compares its own events with the log' : 'another version writes the log';
        logger.info({ compares }, `standby: ${how}`);
        this.#onReady(`standby, ${how}`);
      },
      standbyLags: (entries, comparedEvents) => metrics.standbyLags(entries, comparedEvents),
      standbyBeginsAgain: (why) => logger.warn({ why }, 'standby: begins again from the newest snapshot'),
      recovered: (recovered, cursor, ms) => {
        const { market, ...facts } = recovered;
        const symbols = market.books().length;
        const at = formatCursor(cursor);
        const tookMs = Math.round(ms);
        logger.info({ ...facts, symbols, cursor: at, logicVersion: market.logicVersion, tookMs }, 'recovered');
        this.#onReady('appends');
        metrics.recovered(cursor);
      },
    };
  }

  #observeApplying(): EngineObserver {
    const [logger, metrics] = [this.#logger, this.#metrics];
    return {
      applied: (inputs, events, rejected) => metrics.applied(inputs, events, rejected),
      anomaly: (payload) => logger.warn({ anomaly: payload }, 'anomaly'),
      appended: (cursor) => metrics.appended(cursor),
      landed: (input) => metrics.landed(input, Date.now()),
      snapshotted: (cursor, bytes, ms) => {
        metrics.snapshotted(ms);
        logger.debug({ cursor: formatCursor(cursor), bytes, ms }, 'snapshot stored');
      },
      trimmed: (entries) => logger.debug({ entries }, 'log trimmed'),
      journalLags: (lag) => this.#journalLags(lag),
      repaired: ({ reappended, inboxId }) => {
        metrics.repaired(reappended);
        logger.warn({ reappended, inboxId }, 'Redis is another process; it was given again what it had lost');
      },
      doubt: (what, error) => this.doubt(what, error),
    };
  }

  /** Nothing that it has not stored is trimmed: so this ends with orders refused and ingest pausing. */
  #journalLags(lag: Lag): void {
    this.#metrics.journalLags(lag);
    if (lag.seconds < JOURNAL_LATE_SECONDS) return;
    const { events, memorySecondsLeft } = lag;
    const left = Number.isFinite(memorySecondsLeft) ? Math.round(memorySecondsLeft) : null;
    this.#logLag({ events, seconds: Math.round(lag.seconds), redisMemorySecondsLeft: left });
  }
}
