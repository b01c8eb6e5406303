import type { Lag } from '@depthcast/log';
import type { Metrics } from '@depthcast/ops';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { JournalBatch, JournalStore } from '../stores/journal-store.ts';

/** The recorder's series, all `depthcast_journal_*`. */
export class JournalMetrics {
  readonly #committed: Counter;
  readonly #commitSeconds: Histogram;
  readonly #offset: Gauge;
  readonly #lagEvents: Gauge;
  readonly #lagSeconds: Gauge;
  readonly #memorySeconds: Gauge;
  readonly #holes: Gauge;
  readonly #orphaned: Gauge;
  readonly #retired: Counter;
  readonly #dropped: Counter;
  readonly #failures: Counter;
  readonly #standBys: Counter;

  constructor(registry: Metrics) {
    const counter = (name: string, help: string) =>
      new Counter({ name: `depthcast_journal_${name}`, help, registers: [registry] });
    const gauge = (name: string, help: string) =>
      new Gauge({ name: `depthcast_journal_${name}`, help, registers: [registry] });
    this.#committed = counter('committed_events_total', 'Events stored by this process');
    this.#commitSeconds = new Histogram({
      name: 'depthcast_journal_commit_seconds',
      help: 'Time to store one batch',
      buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 60],
      registers: [registry],
    });
    this.#offset = gauge('stored_offset', 'Offset of the last event stored');
    this.#lagEvents = gauge('lag_events', 'Events in the log that are not stored yet, at least');
    this.#lagSeconds = gauge('lag_seconds', 'For how long the oldest of them has been in the log');
    this.#memorySeconds = gauge(
      'redis_memory_seconds_left',
      "How long Redis' memory lasts at the log's present rate if nothing is trimmed, until producers hold back",
    );
    this.#holes = gauge('holes', 'Places of the log that were gone before they could be stored');
    this.#orphaned = gauge('orphaned_events', 'Stored events that Redis had lost when the next epoch began');
    this.#retired = counter('retired_entries_total', 'Entries trimmed from the log because they are stored');
    this.#dropped = counter('dropped_events_total', 'Events dropped by retention');
    this.#failures = counter('database_failures_total', 'Calls of the database that failed and were repeated');
    this.#standBys = counter('stand_bys_total', 'Times another journal was faster');
  }

  committed({ rows, position }: JournalBatch, ms: number): void {
    this.#committed.inc(rows.length);
    this.#commitSeconds.observe(ms / 1_000);
    this.#offset.set(position.cursor.offset);
  }

  lag({ events, seconds, memorySecondsLeft }: Lag): void {
    this.#lagEvents.set(events);
    this.#lagSeconds.set(seconds);
    this.#memorySeconds.set(memorySecondsLeft);
  }

  /** What is rare is counted where it is stored. */
  async count(store: JournalStore, partition: number): Promise<void> {
    const [holes, partitions] = await Promise.all([store.holes(partition), store.partitions()]);
    this.#holes.set(holes.length);
    this.#orphaned.set(partitions.find((each) => each.partition === partition)?.orphaned ?? 0);
  }

  retired(entries: number): void {
    this.#retired.inc(entries);
  }

  dropped(events: number): void {
    this.#dropped.inc(events);
  }

  databaseFailed(): void {
    this.#failures.inc();
  }

  stoodBy(): void {
    this.#standBys.inc();
  }
}
