import { collectDefaultMetrics, Histogram, Registry } from 'prom-client';

const EVENT_LOOP_PRECISION_MS = 10;

/**
 * The app's prom-client registry, with Node's own figures (CPU, memory, GC, event loop delay as
 * `nodejs_eventloop_lag_*_seconds`). Register with it: `new Counter({ name, help, registers: [metrics] })`.
 */
export class Metrics extends Registry {
  /** @param app becomes the label `app` of every series. */
  constructor(app: string) {
    super();
    this.setDefaultLabels({ app });
    collectDefaultMetrics({ register: this, eventLoopMonitoringPrecision: EVENT_LOOP_PRECISION_MS });
  }
}

const LATENCY_BUCKETS = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 60];

/** `depthcast_latency_seconds`, of one stage of the way from the venue to a client's socket: the same in every app. */
export class LatencyHistogram {
  readonly #histogram: Histogram<'stage'>;

  constructor(registry: Metrics) {
    this.#histogram = new Histogram({
      name: 'depthcast_latency_seconds',
      help: 'Time that a stage of the way from the venue to the sockets takes, of samples',
      labelNames: ['stage'],
      buckets: LATENCY_BUCKETS,
      registers: [registry],
    });
  }

  /** What to tell one stage's samples to; looked up beforehand, since labels would cost more than the sample. */
  stage(stage: string): (seconds: number) => void {
    const series = this.#histogram.labels({ stage });
    return (seconds) => series.observe(seconds);
  }
}
