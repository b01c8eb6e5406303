import type { Lag } from '@depthcast/log';
import type { Metrics } from '@depthcast/ops';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { JournalBatch, JournalStore } from '../stores/journal-store.ts';

const OF_PARTITION = { labelNames: ['partition'] } as const;

/** The journal's series, all `depthcast_journal_*`: of a partition, where they have its label, or of the process. */
export class JournalMetrics {
  readonly #committed: Counter<'partition'>;
  readonly #commitSeconds: Histogram<'partition'>;
  readonly #offset: Gauge<'partition'>;
  readonly #lagEvents: Gauge<'partition'>;
  readonly #lagSeconds: Gauge<'partition'>;
  readonly #memorySeconds: Gauge;
  readonly #holes: Gauge<'partition'>;
  readonly #orphaned: Gauge<'partition'>;
  readonly #retired: Counter<'partition'>;
  readonly #dropped: Counter;
  readonly #failures: Counter;
  readonly #standBys: Counter<'partition'>;
  /** How long the memory would last if there were this partition alone. */
  readonly #memorySecondsOf = new Map<number, number>();

  constructor(registry: Metrics) {
    const of = (name: string, help: string) => ({ name: `depthcast_journal_${name}`, help, registers: [registry] });
    this.#committed = new Counter({
      ...of('committed_events_total', 'Events stored by this process'),
      ...OF_PARTITION,
    });
    this.#commitSeconds = new Histogram({
      ...of('commit_seconds', 'Time to store one batch'),
      ...OF_PARTITION,
      buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 60],
    });
    this.#offset = new Gauge({ ...of('stored_offset', 'Offset of the last event stored'), ...OF_PARTITION });
    this.#lagEvents = new Gauge({
      ...of('lag_events', 'Events in the log that are not stored yet, at least'),
      ...OF_PARTITION,
    });
    this.#lagSeconds = new Gauge({
      ...of('lag_seconds', 'For how long the oldest of them has been in the log'),
      ...OF_PARTITION,
    });
    this.#memorySeconds = new Gauge(
      of(
        'redis_memory_seconds_left',
        "How long Redis' memory lasts at the logs' present rate if nothing is trimmed, until producers hold back",
      ),
    );
    this.#holes = new Gauge({
      ...of('holes', 'Places of the log that were gone before they could be stored'),
      ...OF_PARTITION,
    });
    this.#orphaned = new Gauge({
      ...of('orphaned_events', 'Stored events that Redis had lost when the next epoch began'),
      ...OF_PARTITION,
    });
    this.#retired = new Counter({
      ...of('retired_entries_total', 'Entries trimmed from the log because they are stored'),
      ...OF_PARTITION,
    });
    this.#dropped = new Counter(of('dropped_events_total', 'Events dropped by retention'));
    this.#failures = new Counter(of('database_failures_total', 'Calls of the database that failed and were repeated'));
    this.#standBys = new Counter({ ...of('stand_bys_total', 'Times another journal was faster'), ...OF_PARTITION });
  }

  /** So that each is there from the start, and not only from its first event on. */
  begin(partition: number): void {
    const label = { partition };
    for (const counter of [this.#committed, this.#retired, this.#standBys]) counter.inc(label, 0);
    for (const gauge of [this.#offset, this.#lagEvents, this.#lagSeconds, this.#holes, this.#orphaned]) {
      gauge.set(label, 0);
    }
    this.#commitSeconds.zero(label);
  }

  committed({ partition, rows, position }: JournalBatch, ms: number): void {
    this.#committed.inc({ partition }, rows.length);
    this.#commitSeconds.observe({ partition }, ms / 1_000);
    this.#offset.set({ partition }, position.cursor.offset);
  }

  /** @returns how long the memory lasts: all partitions fill the same one. */
  lag(partition: number, { events, seconds, memorySecondsLeft }: Lag): number {
    this.#lagEvents.set({ partition }, events);
    this.#lagSeconds.set({ partition }, seconds);
    this.#memorySecondsOf.set(partition, memorySecondsLeft);
    const rate = [...this.#memorySecondsOf.values()].reduce((sum, left) => sum + 1 / left, 0);
    this.#memorySeconds.set(1 / rate);
    return 1 / rate;
  }

  /** What is rare is counted where it is stored. */
  async count(store: JournalStore, partition: number): Promise<void> {
    const [holes, partitions] = await Promise.all([store.holes(partition), store.partitions()]);
    this.#holes.set({ partition }, holes.length);
    this.#orphaned.set({ partition }, partitions.find((each) => each.partition === partition)?.orphaned ?? 0);
  }

  retired(partition: number, entries: number): void {
    this.#retired.inc({ partition }, entries);
  }

  dropped(events: number): void {
    this.#dropped.inc(events);
  }

  databaseFailed(): void {
    this.#failures.inc();
  }

  stoodBy(partition: number): void {
    this.#standBys.inc({ partition });
  }
}
