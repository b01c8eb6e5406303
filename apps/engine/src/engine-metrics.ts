import type { Lag } from '@depthcast/log';
import { LatencyHistogram, type Metrics } from '@depthcast/ops';
import type { Cursor } from '@depthcast/protocol';
import { Counter, Gauge, Histogram } from 'prom-client';

const TS_EVENT = /"tsEventUs":(\d+)/;
const TS_RECV = /"tsRecvUs":(\d+)/;

/** The engine's series, all but the latency `depthcast_engine_*`; each has the label `partition`. */
export class EngineMetrics {
  readonly #all: EngineSeries;
  readonly #latency: Latency;

  constructor(registry: Metrics) {
    this.#all = seriesOf(registry);
    const latency = new LatencyHistogram(registry);
    this.#latency = { venueToIngest: latency.stage('venue_to_ingest'), ingestToLog: latency.stage('ingest_to_log') };
  }

  /** What is told of one partition's engine. */
  of(partition: number): PartitionMetrics {
    const all = Object.entries(this.#all);
    const series = Object.fromEntries(all.map(([name, metric]) => [name, metric.labels({ partition })]));
    return new PartitionMetrics(series as unknown as PartitionSeries, this.#latency);
  }
}

/** One partition's: its series are looked up once. */
export class PartitionMetrics {
  readonly #series: PartitionSeries;
  readonly #latency: Latency;

  constructor(series: PartitionSeries, latency: Latency) {
    this.#series = series;
    this.#latency = latency;
    // What has a label is not there until something is said of it: a standby that leads nothing, for one.
    const { inputs, events, doubts, compared, repairs, reappended } = series;
    for (const counter of [inputs, events, doubts, compared, repairs, reappended]) counter.inc(0);
    const { rejected, leads, lag, offset, epoch, journalLagEvents, journalLagSeconds, memorySecondsLeft } = series;
    for (const gauge of [rejected, leads, lag, offset, epoch, journalLagEvents, journalLagSeconds]) gauge.set(0);
    memorySecondsLeft.set(Number.POSITIVE_INFINITY);
  }

  /** An input whose events are in the log. Clocks of several machines are compared where there are several. */
  landed(input: string, nowMs: number): void {
    const eventUs = timeOf(input, TS_EVENT);
    const receivedUs = timeOf(input, TS_RECV);
    if (receivedUs === undefined) return;
    this.#latency.ingestToLog(Math.max(0, nowMs / 1_000 - receivedUs / 1e6));
    // Clock ticks have no venue.
    if (eventUs !== undefined) this.#latency.venueToIngest(Math.max(0, receivedUs - eventUs) / 1e6);
  }

  recovered(cursor: Cursor): void {
    this.#series.leads.set(1);
    this.#series.lag.set(0);
    this.appended(cursor);
  }

  standbyLags(entries: number, comparedEvents: number): void {
    this.#series.lag.set(entries);
    this.#series.compared.inc(comparedEvents);
  }

  journalLags({ events, seconds, memorySecondsLeft }: Lag): void {
    this.#series.journalLagEvents.set(events);
    this.#series.journalLagSeconds.set(seconds);
    this.#series.memorySecondsLeft.set(memorySecondsLeft);
  }

  repaired(entries: number): void {
    this.#series.repairs.inc();
    this.#series.reappended.inc(entries);
  }

  applied(inputs: number, events: number, rejected: number): void {
    this.#series.inputs.inc(inputs);
    this.#series.events.inc(events);
    this.#series.rejected.set(rejected);
  }

  appended(cursor: Cursor): void {
    this.#series.offset.set(cursor.offset);
    this.#series.epoch.set(cursor.epoch);
  }

  snapshotted(ms: number): void {
    this.#series.snapshotSeconds.observe(ms / 1000);
  }

  doubted(): void {
    this.#series.doubts.inc();
  }
}

function timeOf(input: string, pattern: RegExp): number | undefined {
  const [, digits] = pattern.exec(input) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

type EngineSeries = ReturnType<typeof seriesOf>;
type PartitionSeries = { readonly [Name in keyof EngineSeries]: ReturnType<EngineSeries[Name]['labels']> };

/** By stage; of all partitions together. */
interface Latency {
  readonly venueToIngest: (seconds: number) => void;
  readonly ingestToLog: (seconds: number) => void;
}

function seriesOf(registry: Metrics) {
  const about = (name: string, help: string) => ({
    name: `depthcast_engine_${name}`,
    help,
    labelNames: ['partition'] as const,
    registers: [registry],
  });
  return {
    inputs: new Counter(about('inputs_total', 'Inputs applied')),
    events: new Counter(about('events_total', 'Events made')),
    rejected: new Gauge(about('inputs_rejected', 'Inputs the engine could not understand, since the log began')),
    doubts: new Counter(about('redis_doubts_total', 'Writes whose outcome had to be looked up, and connection errors')),
    offset: new Gauge(about('tip_offset', 'Offset of the last entry appended')),
    epoch: new Gauge(about('tip_epoch', 'Epoch of the last entry appended')),
    snapshotSeconds: new Histogram({
      ...about('snapshot_seconds', 'Time to store a snapshot'),
      buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
    }),
    leads: new Gauge(about('leads', '1: this engine appends; 0: it stands by')),
    lag: new Gauge(about('standby_lag_entries', 'Entries of the log that a standby has yet to compare')),
    compared: new Counter(
      about('standby_compared_events_total', 'Events of a standby that were the same in the log, byte for byte'),
    ),
    repairs: new Counter(
      about('repairs_total', 'Times Redis came back as another process and was given what it had lost'),
    ),
    journalLagEvents: new Gauge(
      about('journal_lag_events', 'Events in the log that a journal has not stored yet, at least; 0 without a journal'),
    ),
    journalLagSeconds: new Gauge(about('journal_lag_seconds', 'For how long the oldest of them has been in the log')),
    memorySecondsLeft: new Gauge(
      about(
        'redis_memory_seconds_left',
        "With a journal: how long Redis' memory lasts if it stores nothing, until producers hold back",
      ),
    ),
    reappended: new Counter(about('reappended_entries_total', 'Entries that Redis had lost and was given again')),
  };
}
