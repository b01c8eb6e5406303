import { setTimeout as sleep } from 'node:timers/promises';
import { controlFrame } from '../fanout/format.ts';
import type { SseStream } from './sse-response.ts';

export interface SessionDeskOptions {
  readonly sessionsMax: number;
  /** Whether there is anything to stream yet. */
  readonly isStarted: () => boolean;
}

const RETRY_MS_OVERLOADED = 5_000;
const RETRY_MS_STARTING = 500;
const RETRY_MS_DRAINING = 500;
/** Closing all at once would make them all come back at once. */
const DRAIN_SLICES = 20;
const DRAIN_SLICE_MS = 50;
const DRAIN_AT_ONCE_SESSIONS_MAX = 100;
const DRAIN_MS_MAX = 2_000;

/** Admits sessions, refuses them kindly, and closes them all when the process has to go. */
export class SessionDesk {
  readonly #options: SessionDeskOptions;
  /** Each open stream, and how to take its session out of the fan-out. */
  readonly #open = new Map<SseStream, () => void>();
  #isDraining = false;
  refused = 0;

  constructor(options: SessionDeskOptions) {
    this.#options = options;
  }

  get sessions(): number {
    return this.#open.size;
  }

  /**
   * Whether a session can be opened. A refusal is a 200 that says when to come back: any other answer would end a
   * browser's EventSource for good.
   */
  admits(stream: SseStream): boolean {
    const refusal = this.#refusal();
    if (!refusal) return true;
    this.refused++;
    const data = JSON.stringify({ event: 'error', code: 503, message: refusal.message });
    stream.end(`retry: ${jittered(refusal.retryMs)}\n\n${controlFrame('error', data)}`);
    return false;
  }

  /** Whether the next session would be refused: then its parameters need not be looked at. */
  get isClosed(): boolean {
    return this.#refusal() !== undefined;
  }

  /** @param leave takes the session out of the fan-out; called exactly once. */
  enter(stream: SseStream, leave: () => void): void {
    this.#open.set(stream, leave);
    stream.onClose(() => {
      if (this.#open.delete(stream)) leave();
    });
  }

  /** Says goodbye to everybody, over a second when they are many, and waits until they are gone. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    const streams = [...this.#open.keys()];
    const slice =
      streams.length > DRAIN_AT_ONCE_SESSIONS_MAX ? Math.ceil(streams.length / DRAIN_SLICES) : streams.length;
    for (let i = 0; i < streams.length; i += slice) {
      for (const stream of streams.slice(i, i + slice)) {
        this.#open.get(stream)?.();
        // Left out of the map, `close` does not take it out of the fan-out a second time.
        this.#open.delete(stream);
        stream.end(`retry: ${jittered(RETRY_MS_DRAINING)}\n\n`);
      }
      await sleep(DRAIN_SLICE_MS);
    }
    const deadlineMs = Date.now() + DRAIN_MS_MAX;
    while (Date.now() < deadlineMs && streams.some((stream) => !stream.socket.destroyed)) await sleep(10);
  }

  #refusal(): { message: string; retryMs: number } | undefined {
    if (this.#isDraining) return { message: 'going away: come back', retryMs: RETRY_MS_DRAINING };
    if (!this.#options.isStarted()) return { message: 'starting: come back soon', retryMs: RETRY_MS_STARTING };
    if (this.#open.size < this.#options.sessionsMax) return undefined;
    return { message: `all ${this.#options.sessionsMax} sessions are taken`, retryMs: RETRY_MS_OVERLOADED };
  }
}

/** From one to two times the value: what leaves together must not come back together. */
function jittered(ms: number): number {
  return Math.round(ms * (1 + Math.random()));
}
