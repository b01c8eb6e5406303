import type { Machine } from '../network/machine.ts';
import type { Random } from '../random.ts';
import { type Keyspace, LOSS_MS_MAX } from '../redis/keyspace.ts';
import { type Omissions, SimulatedRedis } from '../redis/simulated-redis.ts';

export interface Succession {
  /** What the next process lacks: nothing, the last few writes, or any number of those of the last second. */
  readonly loss: 'nothing' | 'few' | 'second';
  /** How long nobody answers. */
  readonly outageMs: number;
  /** How long it then refuses everything, as it loads. */
  readonly loadingMs: number;
  readonly clockSkewMs: number;
  /** The process before lives on for so long, for those who are left on it; 0: it is dead. */
  readonly livesOnMs: number;
  readonly leftBehind: readonly Machine[];
  /** All others: their connections to it are cut. */
  readonly others: readonly Machine[];
}

const FEW = 5;

/** A process was succeeded by one that does not know all that it did. */
export interface Loss {
  /** Of the first command that is missing. */
  readonly fromMs: number;
  /** When the last client had left the process that knew. */
  readonly untilMs: number;
}

/** A command that no failover may lose. */
interface Kept {
  readonly keyspace: Keyspace;
  readonly command: number;
  /** Whether that still is so. */
  readonly isKept: () => boolean;
}

export interface RedisFleetOptions {
  readonly random: Random;
  readonly without: Omissions;
  readonly after: (ms: number, run: () => void) => void;
  readonly onScript: (name: string) => void;
}

/** The Redis of one partition: one process after the other, and those that have been left but still answer somebody. */
export class RedisFleet {
  readonly losses: Loss[] = [];
  #kept: Kept[] = [];
  readonly #options: RedisFleetOptions;
  #current: SimulatedRedis;
  #isOut = false;
  #started = 0;

  constructor(options: RedisFleetOptions) {
    this.#options = options;
    this.#current = this.#start(undefined, 0);
  }

  /** The process that clients are sent to. */
  get current(): SimulatedRedis {
    return this.#current;
  }

  get isOut(): boolean {
    return this.#isOut;
  }

  route(machine: Machine): SimulatedRedis | undefined {
    if (machine.isCutOff) return undefined;
    return machine.leftOn ?? (this.#isOut ? undefined : this.#current);
  }

  /** The command that is being carried out is not to be lost, as long as `isKept`. */
  keep(isKept: () => boolean): void {
    const { keyspace } = this.#current;
    this.#kept = this.#kept.filter((kept) => kept.keyspace === keyspace);
    this.#kept.push({ keyspace, command: keyspace.command, isKept });
  }

  /** A restart or a failover: what it lost is decided at this moment. */
  succeed({ loss, outageMs, loadingMs, clockSkewMs, livesOnMs, leftBehind, others }: Succession): void {
    const before = this.#current;
    const nowMs = Date.now();
    const recent = this.#losable(before.keyspace, nowMs);
    const losable = { nothing: 0, few: Math.min(recent.length, FEW), second: recent.length }[loss];
    const lost = recent[recent.length - this.#options.random.int(0, losable)];
    this.losses.push({ fromMs: lost?.atMs ?? nowMs, untilMs: nowMs + livesOnMs });
    const next = this.#start(before.keyspace.before(lost?.command), clockSkewMs);
    this.#current = next;
    this.#isOut = outageMs > 0;
    this.#options.after(outageMs, () => {
      if (this.#current === next) this.#isOut = false;
    });
    next.isLoading = loadingMs > 0;
    this.#options.after(outageMs + loadingMs, () => {
      next.isLoading = false;
    });
    if (livesOnMs === 0) {
      before.kill();
      return;
    }
    for (const machine of leftBehind) machine.leftOn ??= before;
    for (const { wires } of others) for (const wire of wires) if (wire.server === before) wire.cut();
    this.#options.after(livesOnMs, () => {
      for (const machine of leftBehind) if (machine.leftOn === before) machine.leftOn = undefined;
      before.kill();
    });
  }

  /** Commands of the last second, oldest first, of which any number may be lost from the end. */
  #losable(keyspace: Keyspace, nowMs: number) {
    const kept = this.#kept.filter((one) => one.keyspace === keyspace && one.isKept());
    const last = Math.max(0, ...kept.map(({ command }) => command));
    return keyspace.recentWrites(nowMs, LOSS_MS_MAX).filter(({ command }) => command > last);
  }

  #start(keyspace: Keyspace | undefined, clockSkewMs: number): SimulatedRedis {
    const runId = `${'0'.repeat(36)}${String(this.#started++).padStart(4, '0')}`;
    const { without, onScript } = this.#options;
    return new SimulatedRedis({ runId, clockSkewMs, without, onScript, ...(keyspace ? { keyspace } : {}) });
  }
}
