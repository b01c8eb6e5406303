import type { BookReplica } from '@depthcast/book';
import type { BookStatus } from '@depthcast/protocol';
import type { Fanout } from '../fanout/fanout.ts';
import type { Filter } from '../fanout/filter.ts';
import { controlFrame } from '../fanout/format.ts';
import type { LogSession } from '../fanout/session.ts';
import { bookStatus } from '../resume/snapshot-frames.ts';
import type { MarketState } from '../views/market-state.ts';

export interface DeliveryWatchOptions {
  readonly fanout: Fanout;
  readonly state: MarketState;
  readonly staleMs: number;
  readonly nowMs: () => number;
  /** Views show the flag too. */
  readonly onChanged: () => void;
}

/**
 * Watches delivery end to end by the `clock` events, one a second. When they stop, wherever the chain is broken,
 * every subscriber is told that each symbol it watches is stale, and told how it stands when they come again. These
 * are control frames: they are no part of the log and have no id. Who is told so that a symbol is not in sync, and does
 * not get the log's own `book_status`, is told by them what becomes of it as well.
 */
export class DeliveryWatch {
  readonly #options: DeliveryWatchOptions;
  #lastClockMs: number | undefined;
  #isStale = false;
  /** The symbols that somebody was told are not in sync, and how they stood. */
  readonly #toldUnsynced = new Map<string, BookStatus>();

  constructor(options: DeliveryWatchOptions) {
    this.#options = options;
  }

  get isStale(): boolean {
    return this.#isStale;
  }

  /** A `clock` event came; call it when the batch it came in has been written. */
  onClock(): void {
    this.#lastClockMs = this.#options.nowMs();
    if (this.#isStale) this.#change(false);
  }

  /** From now on a clock event is due: a gateway that starts while nothing flows must say so too. */
  onCaughtUp(): void {
    this.#lastClockMs ??= this.#options.nowMs();
  }

  /** The log is not followed for a while, and nobody is here to be told. */
  onPaused(): void {
    this.#lastClockMs = undefined;
    this.#isStale = false;
    this.#toldUnsynced.clear();
  }

  /** Call it when the books are as of the batch that has been written. */
  onBooks(): void {
    if (this.#toldUnsynced.size === 0 || this.#isStale) return;
    for (const [symbol, told] of [...this.#toldUnsynced]) {
      const replica = this.#options.state.book(symbol);
      if (!replica || replica.status === told) continue;
      this.#toldUnsynced.delete(symbol);
      const isForeign = (filter: Filter) => filter.wantsSymbol(symbol) && !filter.wantsEvents('book_status', symbol);
      for (const group of this.#options.fanout.groups.values()) {
        if (isForeign(group.filter)) this.#options.fanout.writeToGroup(group, this.#statusFrame(replica));
      }
      this.#doubt(isForeign);
    }
  }

  /** Call it often. Nothing is stale before the first catch-up. */
  check(): void {
    if (this.#isStale) this.#tellWaiting();
    if (this.#isStale || this.#lastClockMs === undefined) return;
    if (this.#options.nowMs() - this.#lastClockMs > this.#options.staleMs) this.#change(true);
  }

  /** A session has come to the head: what it was last told may not hold any more. */
  onJoin(session: LogSession): void {
    if (session.toldStale === this.#isStale) return;
    session.toldStale = this.#isStale;
    const text = this.#frames(session.filter);
    if (text !== '') this.#options.fanout.writeTo(session, text);
  }

  #change(isStale: boolean): void {
    const { fanout } = this.#options;
    this.#isStale = isStale;
    if (this.#toldUnsynced.size > 0) this.#doubt(() => true);
    this.#toldUnsynced.clear();
    for (const group of fanout.groups.values()) {
      for (const session of group.sessions) session.toldStale = isStale;
      const text = this.#frames(group.filter);
      if (text !== '') fanout.writeToGroup(group, text);
    }
    this.#tellWaiting();
    this.#options.onChanged();
  }

  /** Also who came when nothing flowed any more, and waits for Redis to say what its cursor is worth. */
  #tellWaiting(): void {
    for (const session of this.#options.fanout.sessions) {
      if (session.state === 'waiting' && session.sink.writableLength === 0) this.onJoin(session);
    }
  }

  /** Who is not at the head is told when it comes there. */
  #doubt(concerns: (filter: Filter) => boolean): void {
    for (const session of this.#options.fanout.sessions) {
      if (session.state !== 'head' && concerns(session.filter)) session.toldStale = undefined;
    }
  }

  #frames(filter: Filter): string {
    const { state } = this.#options;
    let text = '';
    for (const symbol of state.symbols) {
      const replica = filter.wantsSymbol(symbol) ? state.book(symbol) : undefined;
      if (!replica) continue;
      text += this.#statusFrame(replica);
    }
    return text;
  }

  #statusFrame(replica: BookReplica): string {
    const { symbol, status } = replica;
    if (this.#isStale) return controlFrame('book_status', staleStatus(symbol, this.#options.state.clockTsNs));
    if (status !== 'synced') this.#toldUnsynced.set(symbol, status);
    return controlFrame('book_status', bookStatus(replica));
  }
}

function staleStatus(symbol: string, tsNs: string): string {
  return `{"type":"book_status","symbol":"${symbol}","ts_ns":${tsNs},"status":"stale","reason":"no_clock"}`;
}
