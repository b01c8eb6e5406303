import type { Metrics } from '@depthcast/ops';
import type { Cursor } from '@depthcast/protocol';
import { Counter, Gauge, Histogram } from 'prom-client';

/** The engine's series, all `depthcast_engine_*`. */
export class EngineMetrics {
  readonly #inputs: Counter;
  readonly #events: Counter;
  readonly #rejected: Gauge;
  readonly #doubts: Counter;
  readonly #offset: Gauge;
  readonly #epoch: Gauge;
  readonly #snapshotSeconds: Histogram;

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
