import { setTimeout as sleep } from 'node:timers/promises';
import { Backoff } from './backoff.ts';

/** One running instance of something that can be stopped and killed. */
export interface Running {
  /** Its exit code when it has ended, or null if a signal ended it. */
  readonly exited: Promise<number | null>;
  stop(): void;
  kill(): void;
}

/** What to do about an exit nobody asked for. */
export type Verdict = 'restart' | 'leave' | 'end';

export interface SupervisedOptions {
  readonly run: () => Running | Promise<Running>;
  readonly judge: (code: number | null) => Verdict;
  readonly say: (message: string) => void;
  /** The verdict was `end`: everything is to stop. */
  readonly onEnd: (code: number) => void;
  readonly backoff?: Backoff;
}

/** Keeps one process running: a crash restarts it after a growing delay. */
export class Supervised {
  readonly #options: SupervisedOptions;
  readonly #backoff: Backoff;
  readonly #stopped = new AbortController();
  #running: Running | undefined;
  #restarting = false;
  #loop: Promise<void> | undefined;

  constructor(options: SupervisedOptions) {
    this.#options = options;
    this.#backoff = options.backoff ?? new Backoff();
  }

  start(): void {
    this.#loop ??= this.#keepRunning();
  }

  /** Stops it, and starts it anew without delay: its code has changed. */
  restart(): void {
    if (!this.#running) return;
    this.#restarting = true;
    this.#running.stop();
  }

  /** Resolves when it is gone: asked first, killed after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#stopped.abort();
    this.#running?.stop();
    const timer = setTimeout(() => {
      this.#options.say(`did not stop within ${graceMs / 1000} s: killed`);
      this.kill();
    }, graceMs);
    await this.#loop;
    clearTimeout(timer);
  }

  kill(): void {
    this.#stopped.abort();
    this.#running?.kill();
  }

  async #keepRunning(): Promise<void> {
    const { judge, say, onEnd } = this.#options;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const startedAtMs = Date.now();
      const code = await this.#runOnce();
      if (signal.aborted) return;
      if (this.#restarting) {
        this.#restarting = false;
        continue;
      }
      const how = code === null ? 'was killed' : `exited with ${code}`;
      const verdict = judge(code);
      if (verdict !== 'restart') {
        say(how);
        if (verdict === 'end') onEnd(code ?? 1);
        return;
      }
      const delayMs = this.#backoff.next(Date.now() - startedAtMs);
      say(`${how}: again in ${delayMs} ms`);
      await sleep(delayMs, undefined, { signal }).catch(() => {});
    }
  }

  async #runOnce(): Promise<number | null> {
    try {
      const running = await this.#options.run();
      this.#running = running;
      // It was told to stop while it was still coming up.
      if (this.#stopped.signal.aborted) running.stop();
      return await running.exited;
    } catch (error) {
      if (!this.#stopped.signal.aborted) this.#options.say((error as Error).message);
      return 1;
    } finally {
      this.#running = undefined;
    }
  }
}
