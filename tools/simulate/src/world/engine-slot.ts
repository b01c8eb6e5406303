import { EngineLoop } from '@depthcast/engine';
import type { PartitionKeys } from '@depthcast/log';
import type { MarketOptions } from '@depthcast/market';
import { Machine } from '../network/machine.ts';
import type { Network } from '../network/network.ts';
import { SimulatedClient } from '../network/simulated-client.ts';
import type { Random } from '../random.ts';
import type { VirtualTime } from '../virtual-time.ts';

export interface EngineSlotOptions {
  readonly name: string;
  readonly time: VirtualTime;
  readonly network: Network;
  readonly keys: PartitionKeys;
  readonly random: Random;
  readonly tell: (what: string) => void;
  /** It ended in a way that no engine may. */
  readonly onDefect: (what: string) => void;
}

/** Ends that are what they are for: another engine writes, or inputs are gone; the next start sorts it out. */
const EXPECTED = new Set(['FENCED', 'SNAPSHOT_REFUSED', 'INBOX_TRIMMED']);

/** A place where an engine runs: whenever one has ended, the next is started, as a supervisor would. */
export class EngineSlot {
  machine: Machine;
  readonly #options: EngineSlotOptions;
  #starts = 0;
  #abort = new AbortController();
  /** Every start: Node keeps what listens to a signal that never aborts, and with it a whole world. */
  readonly #lives: { readonly machine: Machine; readonly abort: AbortController }[] = [];
  #isEnding = false;
  /** Thresholds of another build. */
  market: Partial<MarketOptions> = {};

  constructor(options: EngineSlotOptions) {
    this.#options = options;
    this.machine = new Machine(options.name);
  }

  start(): void {
    const { name, time, network, keys, random, tell } = this.#options;
    const writer = `${name}.${++this.#starts}`;
    const machine = new Machine(writer);
    this.machine = machine;
    this.#abort = new AbortController();
    this.#lives.push({ machine, abort: this.#abort });
    this.#isEnding = false;
    tell(`${writer} starts`);
    const loop = new EngineLoop({
      client: new SimulatedClient(network, machine).asRedisClient,
      keys,
      writer,
      logBytesMax: random.pick([60_000, 10_000_000]),
      snapshotEveryMs: random.int(300, 4_000),
      snapshotEveryEvents: random.int(100, 1_000),
      market: this.market,
      observer: {
        recovered: ({ from, newEpoch }) => tell(`${writer} appends, from ${from}, ${newEpoch ?? 'same epoch'}`),
        repaired: ({ reappended }) => tell(`${writer} has repaired ${reappended} entries`),
      },
    });
    const { signal } = this.#abort;
    time
      .as(machine, () => loop.run(signal))
      .then(
        () => this.#ended(machine, undefined),
        (error: Error) => this.#ended(machine, error),
      );
  }

  /** SIGKILL. */
  kill(restartAfterMs: number): void {
    if (this.machine.isDead) return;
    this.machine.kill();
    setTimeout(() => this.start(), restartAfterMs);
  }

  /** SIGTERM. */
  stop(): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#options.time.as(this.machine, () => this.#abort.abort());
  }

  /** For good, with whatever its dead have left. */
  end(): void {
    for (const { machine, abort } of this.#lives) {
      machine.kill();
      abort.abort();
      machine.end();
    }
  }

  #ended(machine: Machine, error: (Error & { readonly code?: string }) | undefined): void {
    // What a dead process' code still does in here, nobody sees.
    if (machine.isDead) return;
    const { tell, onDefect, random, time } = this.#options;
    tell(`${machine.name} ends: ${error?.message ?? 'as asked'}`);
    if (error && !this.#isEnding && !EXPECTED.has(error.code ?? '')) onDefect(`${machine.name}: ${error.stack}`);
    machine.kill();
    time.asNobody(() => setTimeout(() => this.start(), random.int(20, 600)));
  }
}
