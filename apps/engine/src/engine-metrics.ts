import type { Lag } from '@depthcast/log';
import { LatencyHistogram, type Metrics } from '@depthcast/ops';
import type { Cursor } from '@depthcast/protocol';
import { Counter, Gauge, Histogram } from 'prom-client';

const TS_EVENT = /"tsEventUs":(\d+)/;
const TS_RECV = /"tsRecvUs":(\d+)/;

/** The engine's series, all but the latency `depthcast_engine_*`. */
export class EngineMetrics {
  readonly #inputs: Counter;
  readonly #events: Counter;
  readonly #rejected: Gauge;
  readonly #doubts: Counter;
  readonly #offset: Gauge;
  readonly #epoch: Gauge;
  readonly #snapshotSeconds: Histogram;
  readonly #leads: Gauge;
  readonly #lag: Gauge;
  readonly #compared: Counter;
  readonly #repairs: Counter;
  readonly #reappended: Counter;
  readonly #journalLagEvents: Gauge;
  readonly #journalLagSeconds: Gauge;
  readonly #memorySecondsLeft: Gauge;
  readonly #venueToIngest: (seconds: number) => void;
  readonly #ingestToLog: (seconds: number) => void;

  constructor(registry: Metrics) {
    const registers = [registry];
    this.#inputs = new Counter({ name: 'depthcast_engine_inputs_total', help: 'Inputs applied', registers });
    this.#events = new Counter({ name: 'depthcast_engine_events_total', help: 'Events made', registers });
    this.#rejected = new Gauge({
      name: 'depthcast_engine_inputs_rejected',
      help: 'Inputs the engine could not understand, since the log began',
      registers,
    });
    this.#doubts = new Counter({
      name: 'depthcast_engine_redis_doubts_total',
      help: 'Writes whose outcome had to be looked up, and connection errors',
      registers,
    });
    this.#offset = new Gauge({
      name: 'depthcast_engine_tip_offset',
      help: 'Offset of the last entry appended',
      registers,
    });
    this.#epoch = new Gauge({
      name: 'depthcast_engine_tip_epoch',
      help: 'Epoch of the last entry appended',
      registers,
    });
    this.#snapshotSeconds = new Histogram({
      name: 'depthcast_engine_snapshot_seconds',
      help: 'Time to store a snapshot',
      buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
      registers,
    });
    this.#leads = new Gauge({
      name: 'depthcast_engine_leads',
      help: '1: this engine appends; 0: it stands by',
      registers,
    });
    this.#lag = new Gauge({
      name: 'depthcast_engine_standby_lag_entries',
      help: 'Entries of the log that a standby has yet to compare',
      registers,
    });
    this.#compared = new Counter({
      name: 'depthcast_engine_standby_compared_events_total',
      help: 'Events of a standby that were the same in the log, byte for byte',
      registers,
    });
    this.#repairs = new Counter({
      name: 'depthcast_engine_repairs_total',
      help: 'Times Redis came back as another process and was given what it had lost',
      registers,
    });
    this.#journalLagEvents = new Gauge({
      name: 'depthcast_engine_journal_lag_events',
      help: 'Events in the log that a journal has not stored yet, at least; 0 without a journal',
      registers,
    });
    this.#journalLagSeconds = new Gauge({
      name: 'depthcast_engine_journal_lag_seconds',
      help: 'For how long the oldest of them has been in the log',
      registers,
    });
    this.#memorySecondsLeft = new Gauge({
      name: 'depthcast_engine_redis_memory_seconds_left',
      help: "With a journal: how long Redis' memory lasts if it stores nothing, until producers hold back",
      registers,
    });
    this.#memorySecondsLeft.set(Number.POSITIVE_INFINITY);
    const latency = new LatencyHistogram(registry);
    this.#venueToIngest = latency.stage('venue_to_ingest');
    this.#ingestToLog = latency.stage('ingest_to_log');
    this.#reappended = new Counter({
      name: 'depthcast_engine_reappended_entries_total',
      help: 'Entries that Redis had lost and was given again',
      registers,
    });
  }

  /** An input whose events are in the log. Clocks of several machines are compared where there are several. */
  landed(input: string, nowMs: number): void {
    const eventUs = timeOf(input, TS_EVENT);
    const receivedUs = timeOf(input, TS_RECV);
    if (receivedUs === undefined) return;
    this.#ingestToLog(Math.max(0, nowMs / 1_000 - receivedUs / 1e6));
    // Clock ticks have no venue.
    if (eventUs !== undefined) this.#venueToIngest(Math.max(0, receivedUs - eventUs) / 1e6);
  }

  recovered(cursor: Cursor): void {
    this.#leads.set(1);
    this.#lag.set(0);
    this.appended(cursor);
  }

  standbyLags(entries: number, comparedEvents: number): void {
    this.#lag.set(entries);
    this.#compared.inc(comparedEvents);
  }

  journalLags({ events, seconds, memorySecondsLeft }: Lag): void {
    this.#journalLagEvents.set(events);
    this.#journalLagSeconds.set(seconds);
    this.#memorySecondsLeft.set(memorySecondsLeft);
  }

  repaired(entries: number): void {
    this.#repairs.inc();
    this.#reappended.inc(entries);
  }

  applied(inputs: number, events: number, rejected: number): void {
    this.#inputs.inc(inputs);
    this.#events.inc(events);
    this.#rejected.set(rejected);
  }

  appended(cursor: Cursor): void {
    this.#offset.set(cursor.offset);
    this.#epoch.set(cursor.epoch);
  }

  snapshotted(ms: number): void {
    this.#snapshotSeconds.observe(ms / 1000);
  }

  doubted(): void {
    this.#doubts.inc();
  }
}

function timeOf(input: string, pattern: RegExp): number | undefined {
  const [, digits] = pattern.exec(input) ?? [];
  return digits === undefined ? undefined : Number(digits);
}
