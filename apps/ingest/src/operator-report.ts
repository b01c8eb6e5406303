import type { createLogger, Metrics } from '@depthcast/ops';
import { Counter } from 'prom-client';
import type { VenueReport } from './venues/venue.ts';

export type Logger = ReturnType<typeof createLogger>;

const MALFORMED_LOG_MS = 60_000;
const SAMPLE_CHARS_MAX = 200;

/** What venues report, as log lines and metrics. */
export class OperatorReport implements VenueReport {
  readonly #logger: Logger;
  readonly #venue: string;
  readonly #malformed: Counter<'venue' | 'kind'>;
  readonly #reconnects: Counter<'venue'>;
  readonly #snapshots: Counter<'venue' | 'symbol'>;
  #malformedSinceLine = 0;
  #lastLineMs = Number.NEGATIVE_INFINITY;

  constructor(logger: Logger, metrics: Metrics, venue: string) {
    this.#logger = logger;
    this.#venue = venue;
    const registers = [metrics];
    this.#malformed = new Counter({
      name: 'depthcast_ingest_malformed_total',
      help: 'Venue messages that could not be used, by what they were meant to be',
      labelNames: ['venue', 'kind'],
      registers,
    });
    this.#reconnects = new Counter({
      name: 'depthcast_ingest_reconnects_total',
      help: 'Connections to the venue that were lost or given up',
      labelNames: ['venue'],
      registers,
    });
    this.#snapshots = new Counter({
      name: 'depthcast_ingest_snapshots_total',
      help: 'Book snapshots fetched from the venue',
      labelNames: ['venue', 'symbol'],
      registers,
    });
  }

  /** Counted each time, logged once a minute: a venue that changes its format would fill the disk. */
  malformed(kind: string, sample: string, why: string): void {
    this.#malformed.inc({ venue: this.#venue, kind });
    this.#malformedSinceLine++;
    const nowMs = performance.now();
    if (nowMs - this.#lastLineMs < MALFORMED_LOG_MS) return;
    this.#logger.warn(
      {
        code: 'VENUE_MESSAGE_INVALID',
        venue: this.#venue,
        kind,
        why,
        count: this.#malformedSinceLine,
        sample: sample.slice(0, SAMPLE_CHARS_MAX),
      },
      'malformed venue messages skipped',
    );
    this.#lastLineMs = nowMs;
    this.#malformedSinceLine = 0;
  }

  reconnect(reason: string): void {
    this.#reconnects.inc({ venue: this.#venue });
    this.#logger.warn({ venue: this.#venue, reason }, 'venue connection lost');
  }

  snapshotFetched(symbol: string): void {
    this.#snapshots.inc({ venue: this.#venue, symbol });
  }

  info(message: string, fields: Record<string, unknown> = {}): void {
    this.#logger.info({ venue: this.#venue, ...fields }, message);
  }

  warn(message: string, fields: Record<string, unknown> = {}): void {
    this.#logger.warn({ venue: this.#venue, ...fields }, message);
  }
}
