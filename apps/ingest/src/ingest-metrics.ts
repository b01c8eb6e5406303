import type { InboxProducer } from '@depthcast/log';
import type { Metrics } from '@depthcast/ops';
import { type InputType, inputSchemas } from '@depthcast/protocol';
import { Counter, Gauge } from 'prom-client';

interface Series {
  inc(): void;
}

/** What ingest counts of its way into the inboxes. Venues count for themselves: OperatorReport. */
export class IngestMetrics {
  readonly #inputs: readonly Readonly<Record<InputType, Series>>[];
  readonly #dropped: readonly Series[];

  /** @param producers of every partition, in their order. */
  constructor(registry: Metrics, venue: string, producers: readonly Pick<InboxProducer, 'queuedInputs'>[]) {
    const registers = [registry];
    const inputs = new Counter({
      name: 'depthcast_ingest_inputs_total',
      help: 'Inputs handed to the inbox',
      labelNames: ['venue', 'type', 'partition'],
      registers,
    });
    const dropped = new Counter({
      name: 'depthcast_ingest_dropped_total',
      help: 'Inputs dropped because the queue to the inbox was full; a resync follows',
      labelNames: ['venue', 'partition'],
      registers,
    });
    new Gauge({
      name: 'depthcast_ingest_queue_inputs',
      help: 'Inputs waiting to be written to the inbox',
      labelNames: ['partition'],
      registers,
      collect() {
        for (const [partition, { queuedInputs }] of producers.entries()) this.set({ partition }, queuedInputs);
      },
    });
    // Looked up beforehand: at 50,000 inputs a second labels would cost more than the input.
    const types = Object.keys(inputSchemas) as InputType[];
    const ofTypes = (partition: number) =>
      Object.fromEntries(types.map((type) => [type, inputs.labels({ venue, type, partition })]));
    this.#inputs = producers.map((_, partition) => ofTypes(partition) as Record<InputType, Series>);
    this.#dropped = producers.map((_, partition) => dropped.labels({ venue, partition }));
  }

  input(type: InputType, partition: number): void {
    this.#inputs[partition]?.[type].inc();
  }

  dropped(partition: number): void {
    this.#dropped[partition]?.inc();
  }
}
