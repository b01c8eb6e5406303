import { AsyncLocalStorage } from 'node:async_hooks';
import { syncBuiltinESMExports } from 'node:module';
import FakeTimers from '@sinonjs/fake-timers';
import { Random } from './random.ts';

/** Who the present code belongs to: its timers stand still while it is paused, and never fire once it is dead. */
export interface Owner {
  readonly isRunning: boolean;
  pass(delivery: () => void): void;
}

/** 2023-11-14T22:13:20Z. */
const START_MS = 1_700_000_000_000;
/** Nothing here is about the time between two microtasks, so one turn of the real loop runs them all. */
const realTurn = globalThis.setImmediate;

type Callback = (...args: unknown[]) => void;

/** Not imported: whoever imports them later is to find what has been put there, and a test runner remembers imports. */
const timersPromises = process.getBuiltinModule('node:timers/promises');
const crypto = process.getBuiltinModule('node:crypto');

/**
 * Time and chance under control, for everything that runs in this process: `Date`, `performance`, timers, those of
 * `node:timers/promises` too, `Math.random` and `randomUUID`. Modules that import any of these must be loaded after
 * {@link VirtualTime.install}.
 */
export class VirtualTime {
  readonly #clock: FakeTimers.Clock;
  readonly #owner = new AsyncLocalStorage<Owner | undefined>();
  readonly #restore: (() => void)[] = [];
  #random = new Random(0);

  private constructor() {
    this.#clock = FakeTimers.install({
      now: START_MS,
      toFake: ['Date', 'performance', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate'],
    });
    this.#restore.push(() => this.#clock.uninstall());
    this.#replace(globalThis, 'setTimeout', this.#timeout());
    this.#replace(globalThis, 'setInterval', this.#interval());
    this.#replace(timersPromises, 'setTimeout', sleep);
    this.#replace(Math, 'random', () => this.#random.next());
    this.#replace(crypto, 'randomUUID', () => this.#uuid());
    syncBuiltinESMExports();
  }

  static install(): VirtualTime {
    return new VirtualTime();
  }

  /** Another beginning: no timer is left, and the same chance as at every beginning with this seed. */
  begin(seed: number): void {
    this.#clock.reset();
    this.#random = new Random(seed, 'Math.random');
  }

  /** Runs something as its owner's; so is all that comes of it. */
  as<T>(owner: Owner, run: () => T): T {
    return this.#owner.run(owner, run);
  }

  /** Runs something as nobody's, such as what the network does. */
  asNobody<T>(run: () => T): T {
    return this.#owner.run(undefined, run);
  }

  /**
   * Lets time pass, timer by timer.
   *
   * @returns whether `done` came true before `untilMs`.
   */
  async pass(untilMs: number, done: () => boolean): Promise<boolean> {
    let isOver = false;
    const end = this.#clock.setTimeout(() => {
      isOver = true;
    }, untilMs - Date.now());
    for (;;) {
      await new Promise<void>((resolve) => void realTurn(resolve));
      if (done()) break;
      if (isOver) return false;
      this.#clock.next();
    }
    this.#clock.clearTimeout(end);
    return true;
  }

  uninstall(): void {
    for (const restore of this.#restore.reverse()) restore();
    syncBuiltinESMExports();
  }

  #timeout() {
    const fake = globalThis.setTimeout as unknown as (callback: Callback, ms?: number) => NodeJS.Timeout;
    return (callback: Callback, ms?: number, ...args: unknown[]) => {
      const owner = this.#owner.getStore();
      if (!owner) return fake(() => callback(...args), ms);
      return fake(() => owner.pass(() => this.as(owner, () => callback(...args))), ms);
    };
  }

  /** One that was due several times while its owner stood still fires once, as a process that wakes up does it. */
  #interval() {
    const fake = globalThis.setInterval as unknown as (callback: Callback, ms?: number) => NodeJS.Timeout;
    return (callback: Callback, ms?: number, ...args: unknown[]) => {
      const owner = this.#owner.getStore();
      if (!owner) return fake(() => callback(...args), ms);
      let isDue = false;
      const fire = () => {
        isDue = false;
        this.as(owner, () => callback(...args));
      };
      return fake(() => {
        if (isDue) return;
        isDue = true;
        owner.pass(fire);
      }, ms);
    };
  }

  #uuid(): string {
    const hex = Array.from({ length: 32 }, () => Math.floor(this.#random.next() * 16).toString(16)).join('');
    return hex.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, '$1-$2-4$3-8$4-$5');
  }

  #replace<T extends object, K extends keyof T>(object: T, name: K, value: unknown): void {
    const original = object[name];
    object[name] = value as T[K];
    this.#restore.push(() => {
      object[name] = original;
    });
  }
}

/** As node:timers/promises has it, upon the timers of the moment. */
function sleep<T>(ms?: number, value?: T, options: { readonly signal?: AbortSignal } = {}): Promise<T | undefined> {
  const { signal } = options;
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    if (signal?.aborted) return reject(signal.reason);
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', end);
      resolve(value);
    }, ms);
    signal?.addEventListener('abort', end, { once: true });
  });
}
