import { DepthcastError } from '@depthcast/protocol';
import { controlFrame } from '../fanout/format.ts';
import type { Sink } from '../fanout/session.ts';
import type { AddressLimit } from './address-limit.ts';
import { errorAnswer } from './error-answer.ts';
import type { SseStream } from './sse-response.ts';

/** An open connection as the desk sees it, of whatever transport. What ends it is said in SSE frames. */
export interface Guest extends Pick<SseStream, 'onClose' | 'end'> {
  /** What its sessions write to. */
  readonly socket: { readonly destroyed: boolean; destroy(): unknown };
}

export interface SessionDeskOptions {
  readonly sessionsMax: number;
  readonly addresses: AddressLimit;
  /** What a shutdown takes to close many sessions. */
  readonly drainMs: number;
  /** Whether there is anything to stream yet. */
  readonly isStarted: () => boolean;
}

const RETRY_MS_OVERLOADED = 5_000;
const RETRY_MS_STARTING = 500;
const RETRY_MS_DRAINING = 500;
const RETRY_MS_SLOW = 1_000;
/** Closing all at once would make them all come back at once. */
const DRAIN_SLICE_MS = 50;
const DRAIN_AT_ONCE_SESSIONS_MAX = 100;
/** How long those are waited for that have been said goodbye. */
const GONE_MS_MAX = 2_000;
/** A client that does not read its farewell is cut off without it. */
const FAREWELL_MS_MAX = 500;
/** One that is slow has to read what came before it as well. */
const SLOW_FAREWELL_MS_MAX = 5_000;

/** Admits sessions, refuses them kindly, and closes them all when the process has to go. */
export class SessionDesk {
  readonly #options: SessionDeskOptions;
  /** Each open stream, and how to take its session out of the fan-out. */
  readonly #open = new Map<Guest, () => void>();
  #isDraining = false;
  refused = 0;
  /** Sessions that were closed from here, by the reason: an error's code in small letters, or `drain`. */
  readonly closed = new Map<string, number>();

  constructor(options: SessionDeskOptions) {
    this.#options = options;
  }

  get sessions(): number {
    return this.#open.size;
  }

  /**
   * Whether a session of that address can be opened. A refusal is a 200 that says when to come back: any other answer
   * would end a browser's EventSource for good.
   */
  admits(stream: SseStream, address: string): boolean {
    const refusal = this.#refusal();
    if (refusal) {
      this.#sendBack(stream, { event: 'error', code: 503, message: refusal.message }, refusal.retryMs);
      return false;
    }
    const crowd = this.#crowd(address);
    if (crowd) this.sendBack(stream, crowd);
    return !crowd;
  }

  /** Why a session of that address cannot be opened now, for a transport that says so before it opens one. Counted. */
  refuses(address: string): DepthcastError | undefined {
    const refusal = this.#refusal();
    const error = refusal ? new DepthcastError('OVERLOADED', refusal.message) : this.#crowd(address);
    if (error) this.refused++;
    return error;
  }

  /** Refuses for a reason that may pass. */
  sendBack(stream: SseStream, error: DepthcastError): void {
    this.#sendBack(stream, errorAnswer(error), RETRY_MS_OVERLOADED);
  }

  /** Whether the next session would be refused: then its parameters need not be looked at. */
  get isClosed(): boolean {
    return this.#refusal() !== undefined;
  }

  /** @param leave takes the session out of the fan-out; called exactly once. */
  enter(stream: Guest, address: string, leave: () => void): void {
    const leaveAddress = this.#options.addresses.enter(address);
    this.#open.set(stream, leave);
    stream.onClose(() => {
      // Counted until it is gone, whatever has been said: its socket is what costs.
      leaveAddress();
      if (this.#open.delete(stream)) leave();
    });
  }

  /** Ends one session for good, saying why. Safe to call for one that is gone. */
  dismiss(stream: Guest, error: DepthcastError): void {
    const end = controlFrame('error', JSON.stringify(errorAnswer(error)));
    this.#close(stream, error.code.toLowerCase(), end, FAREWELL_MS_MAX);
  }

  /** Ends the session that writes to a socket, which may come back: it was too slow. */
  dismissSlow(socket: Sink, error: DepthcastError): void {
    const stream = [...this.#open.keys()].find((open) => (open.socket as object) === socket);
    if (!stream) return;
    const end = retryWith(errorAnswer(error), RETRY_MS_SLOW);
    this.#close(stream, error.code.toLowerCase(), end, SLOW_FAREWELL_MS_MAX);
  }

  /** Says goodbye to everybody, evenly over `drainMs` when they are many, and waits until they are gone. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    const streams = [...this.#open.keys()];
    const startedMs = performance.now();
    const drainMs = streams.length > DRAIN_AT_ONCE_SESSIONS_MAX ? this.#options.drainMs : 0;
    for (let closed = 0; closed < streams.length; ) {
      const part = drainMs === 0 ? 1 : (performance.now() - startedMs + DRAIN_SLICE_MS) / drainMs;
      const due = Math.min(streams.length, Math.ceil(streams.length * part));
      for (; closed < due; closed++) {
        this.#close(streams[closed] as Guest, 'drain', `retry: ${jittered(RETRY_MS_DRAINING)}\n\n`);
      }
      if (closed < streams.length) await sleep(DRAIN_SLICE_MS);
    }
    const deadlineMs = performance.now() + GONE_MS_MAX;
    while (performance.now() < deadlineMs && streams.some(({ socket }) => !socket.destroyed)) await sleep(10);
  }

  /** @param farewellMs after which it is cut off, whether it has read its farewell or not. */
  #close(stream: Guest, reason: string, end: string, farewellMs?: number): void {
    const leave = this.#open.get(stream);
    if (!leave) return;
    // Left out of the map, `close` does not take it out of the fan-out a second time.
    this.#open.delete(stream);
    leave();
    this.closed.set(reason, (this.closed.get(reason) ?? 0) + 1);
    stream.end(end);
    if (farewellMs === undefined) return;
    const cut = setTimeout(() => stream.socket.destroy(), farewellMs);
    stream.onClose(() => clearTimeout(cut));
  }

  #crowd(address: string): DepthcastError | undefined {
    const { addresses } = this.#options;
    if (!addresses.isFull(address)) return undefined;
    return new DepthcastError('TOO_MANY_CONNECTIONS', `one address has ${addresses.sessionsMax} streams at most`);
  }

  #sendBack(stream: SseStream, answer: object, retryMs: number): void {
    this.refused++;
    stream.end(retryWith(answer, retryMs));
  }

  #refusal(): { message: string; retryMs: number } | undefined {
    if (this.#isDraining) return { message: 'going away: come back', retryMs: RETRY_MS_DRAINING };
    if (!this.#options.isStarted()) return { message: 'starting: come back soon', retryMs: RETRY_MS_STARTING };
    if (this.#open.size < this.#options.sessionsMax) return undefined;
    return { message: `all ${this.#options.sessionsMax} sessions are taken`, retryMs: RETRY_MS_OVERLOADED };
  }
}

/** An error, and when to come back. */
function retryWith(answer: object, retryMs: number): string {
  return `retry: ${jittered(retryMs)}\n\n${controlFrame('error', JSON.stringify(answer))}`;
}

/** From one to two times the value: what leaves together must not come back together. */
function jittered(ms: number): number {
  return Math.round(ms * (1 + Math.random()));
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
