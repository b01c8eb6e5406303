import type { SimulatedRedis } from '../redis/simulated-redis.ts';
import type { Owner } from '../virtual-time.ts';
import type { Wire } from './wire.ts';

/**
 * One process of Depthcast. All of them share this program's heap and turn; what sets them apart is that nothing goes
 * in or out of one that is paused or dead, and that its timers do not fire.
 */
export class Machine implements Owner {
  readonly name: string;
  /** Still connected to a process that others have left; undefined: goes where everybody goes. */
  leftOn: SimulatedRedis | undefined;
  /** The network ends before it. */
  isCutOff = false;
  /** Its connections. */
  readonly wires = new Set<Wire>();
  #state: 'running' | 'paused' | 'waking' | 'dead' = 'running';
  #held: (() => void)[] = [];
  /** Fails each command that it waits for. */
  readonly waiting = new Set<() => void>();

  constructor(name: string) {
    this.name = name;
  }

  get isRunning(): boolean {
    return this.#state === 'running';
  }

  get isDead(): boolean {
    return this.#state === 'dead';
  }

  /** What crosses its border, and its timers: at once, after the pause, or never. */
  pass(delivery: () => void): void {
    if (this.#state === 'running') delivery();
    else if (this.#state !== 'dead') this.#held.push(delivery);
  }

  /** SIGSTOP. */
  pause(): void {
    if (this.#state === 'running') this.#state = 'paused';
  }

  /** SIGCONT: it finds everything that has come meanwhile, one after the other. */
  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'waking';
    this.#wake();
  }

  /** SIGKILL. What it has sent may still arrive. */
  kill(): void {
    this.#state = 'dead';
    this.#held = [];
    for (const wire of [...this.wires]) wire.break();
  }

  /** Nobody looks any more: what the dead wait for, for ever, is let go of, so that its memory is too. */
  end(): void {
    this.kill();
    for (const fail of this.waiting) fail();
  }

  #wake(): void {
    if (this.#state !== 'waking') return;
    const next = this.#held.shift();
    if (!next) {
      this.#state = 'running';
      return;
    }
    next();
    // A turn of its own for each: what it awaits goes on in between.
    setImmediate(() => this.#wake());
  }
}
