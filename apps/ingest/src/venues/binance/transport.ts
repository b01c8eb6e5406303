import { Observable, type Subscriber } from 'rxjs';
import { WebSocket } from 'ws';
import type { AttemptBudget } from './attempt-budget.ts';
import { type BackoffOptions, backoffMs } from './backoff.ts';

/** Messages come only between an `up` and the next `down`. */
export type TransportEvent =
  | { readonly type: 'up' }
  | { readonly type: 'down'; readonly reason: string }
  /** So many retries in a row were in vain: those that follow are as far apart as they get. */
  | { readonly type: 'exhausted'; readonly retries: number }
  | { readonly type: 'message'; readonly text: string };

export interface ReconnectPolicy {
  /** False: the first loss is the end. */
  readonly auto: boolean;
  /** Retries in a row after which all wait as long as the longest. */
  readonly retriesMax: number;
  /** Between the retries. */
  readonly backoff: BackoffOptions;
}

export interface TransportOptions {
  readonly url: string;
  /** Silence after which a connection counts as dead. */
  readonly stallMs: number;
  readonly budget: AttemptBudget;
  /** What is left out has its default: retries for ever, at first after 250 ms at most. */
  readonly reconnect?: Partial<ReconnectPolicy>;
  /** How long a connection is kept. The venue cuts it at 24 h, at a moment of its own choosing. */
  readonly lifeMs?: number;
}

export interface Transport {
  /** Never fails: reconnects until unsubscribed. Completes at the first loss where it may not. */
  readonly events: Observable<TransportEvent>;
  /** Gives up the present connection for a new one at once. */
  reconnect(reason: string): void;
}

const BACKOFF: BackoffOptions = { baseMs: 250, capMs: 30_000 };
const LIFE_MS = (24 * 60 - 5) * 60_000;
const HANDSHAKE_TIMEOUT_MS = 10_000;
const PAYLOAD_BYTES_MAX = 16 * 1024 * 1024;
const SILENCE_CONFIRM_MS = 50;
/** A connection that lived this long was a good one: the next failure is a first one again. */
const HEALTHY_MS = 10_000;

/**
 * One lasting connection to a combined stream. The venue's pings are answered by the socket itself, with their own
 * payload; silence, the daily cut and errors all end in `down`, a wait and `up`.
 */
export function transport(options: TransportOptions): Transport {
  let current: Connection | undefined;
  return {
    events: new Observable((subscriber) => {
      current = new Connection(options, subscriber);
      return () => {
        current?.close();
        current = undefined;
      };
    }),
    reconnect: (reason) => current?.reconnect(reason),
  };
}

class Connection {
  readonly #options: TransportOptions;
  readonly #out: Subscriber<TransportEvent>;
  #socket: WebSocket | undefined;
  readonly #timers = new Set<NodeJS.Timeout>();
  #failures = 0;
  #openedMs = 0;
  #lastMessageMs = 0;
  #closed = false;
  /** Said once, however many attempts fail in a row. */
  #downSaid = false;

  constructor(options: TransportOptions, out: Subscriber<TransportEvent>) {
    this.#options = options;
    this.#out = out;
    this.#open();
  }

  reconnect(reason: string): void {
    if (this.#socket) this.#lost(reason, 0);
  }

  close(): void {
    this.#closed = true;
    this.#drop();
  }

  #open(): void {
    const waitMs = this.#options.budget.take(performance.now());
    if (waitMs > 0) {
      this.#later(waitMs, () => this.#open());
      return;
    }
    const socket = new WebSocket(this.#options.url, {
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      maxPayload: PAYLOAD_BYTES_MAX,
      perMessageDeflate: false,
    });
    this.#socket = socket;
    socket.on('open', () => this.#onOpen());
    socket.on('message', (data) => {
      this.#lastMessageMs = performance.now();
      this.#out.next({ type: 'message', text: String(data) });
    });
    socket.on('error', (error) => this.#lost(`connection failed: ${error.message}`));
    socket.on('close', (code, reason) => this.#lost(`connection closed (${code}${reason.length ? ` ${reason}` : ''})`));
  }

  #onOpen(): void {
    this.#openedMs = performance.now();
    this.#lastMessageMs = this.#openedMs;
    this.#downSaid = false;
    this.#watchSilence();
    this.#later(this.#options.lifeMs ?? LIFE_MS, () => this.#lost('connection renewed before its 24 h are over', 0));
    this.#out.next({ type: 'up' });
  }

  /**
   * One timer that re-arms itself for what is left, instead of one moved by every message. Silence is confirmed a
   * moment later: when it was this process that stood still, the messages are waiting in the socket.
   */
  #watchSilence(suspected = false): void {
    const { stallMs } = this.#options;
    const leftMs = this.#lastMessageMs + stallMs - performance.now();
    if (leftMs > 0) this.#later(leftMs, () => this.#watchSilence());
    else if (suspected) this.#lost(`no message for ${stallMs} ms`);
    else this.#later(SILENCE_CONFIRM_MS, () => this.#watchSilence(true));
  }

  #lost(reason: string, waitMs?: number): void {
    if (this.#closed || !this.#socket) return;
    const livedMs = this.#openedMs === 0 ? 0 : performance.now() - this.#openedMs;
    this.#failures = livedMs >= HEALTHY_MS ? 0 : this.#failures;
    this.#drop();
    const { reconnect } = this.#options;
    const ends = waitMs === undefined && reconnect?.auto === false;
    const retriesMax = reconnect?.retriesMax ?? Number.POSITIVE_INFINITY;
    const failures = this.#failures;
    if (waitMs === undefined) this.#failures++;
    if (!ends) this.#later(waitMs ?? this.#delayMs(failures, retriesMax), () => this.#open());
    if (!this.#downSaid) this.#out.next({ type: 'down', reason });
    this.#downSaid = true;
    if (ends) this.#out.complete();
    // The failures before this one were the loss itself, and the retries but the last.
    else if (waitMs === undefined && failures === retriesMax) this.#out.next({ type: 'exhausted', retries: failures });
  }

  #delayMs(failures: number, retriesMax: number): number {
    const backoff = this.#options.reconnect?.backoff ?? BACKOFF;
    return backoffMs(failures, failures < retriesMax ? backoff : { ...backoff, baseMs: backoff.capMs });
  }

  #drop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    const socket = this.#socket;
    this.#socket = undefined;
    this.#openedMs = 0;
    if (!socket) return;
    socket.removeAllListeners();
    // Terminating a handshake emits an error, which without a listener would end the process.
    socket.on('error', () => {});
    socket.terminate();
  }

  #later(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, ms);
    this.#timers.add(timer);
  }
}
