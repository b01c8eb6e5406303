import { collectDefaultMetrics, Registry } from 'prom-client';

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
