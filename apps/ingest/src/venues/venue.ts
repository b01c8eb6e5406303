import type { InputOf, UnstampedInput } from '@depthcast/protocol';
import type { Observable } from 'rxjs';

/**
 * Where market data comes from. A venue turns whatever its source speaks into inputs; everything peculiar to the
 * source stays in its folder. The contract:
 *
 * - per symbol, a `symbol` input comes before any other, then `feed` up, then data; `feed` down right after it where
 *   the source does not flow yet;
 * - `depth` and `depth_snapshot` carry the venue's own update ids and are passed on in the order received: who
 *   decides whether they join is the engine;
 * - a venue of `matched` symbols sends orders instead, `order`, `amend` and `cancel` without an account, and all that
 *   rest after each `feed` up, which empties the book of them; what became of them the engine alone knows;
 * - whoever loses sight of the source says `feed` down at once, and `feed` up when it flows again;
 * - `clock` comes with each whole second, but not before every symbol has been defined and its feed been told of: a book
 *   of before the start would look alive;
 * - what is malformed is reported, never guessed at and never fatal.
 *
 * How to add one: docs/ADD_A_VENUE.md.
 */
export interface Venue {
  /** Lower case, as it stands in `symbol` inputs, metrics and logs. */
  readonly name: string;
  /**
   * Subscribing starts the venue, unsubscribing stops it. One subscriber only. Errors only with what can never
   * succeed (a DepthcastError); a source that is out of reach is not one of those.
   */
  inputs(): Observable<UnstampedInput>;
  /**
   * Sends the symbols' definitions again and starts every book anew, from a new snapshot or the orders that rest: the
   * log lost what it knew, or we had to drop inputs. Synchronous up to `feed` up. Before the subscription it does nothing.
   *
   * @param reason for operators; at most 200 characters.
   * @param only these symbols; all without it.
   */
  resync(reason: string, only?: ReadonlySet<string>): void;
}

/** What a venue tells its operators. */
export interface VenueReport {
  /** A message that could not be used. @param kind what it was meant to be. @param sample the message itself. */
  malformed(kind: string, sample: string, why: string): void;
  /** A connection to the source has to be made again. */
  reconnect(reason: string): void;
  snapshotFetched(symbol: string): void;
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
}

/** How full the way to Redis is, for venues that can wait. */
export interface QueueGauge {
  readonly queuedInputs: number;
}

export type DepthInput = Omit<InputOf<'depth'>, 'src' | 'seq' | 'prev'> & { prev?: number };
export type DepthSnapshotInput = Omit<InputOf<'depth_snapshot'>, 'src' | 'seq'>;
export type FeedInput = Omit<InputOf<'feed'>, 'src' | 'seq'>;
export type ClockInput = Omit<InputOf<'clock'>, 'src' | 'seq'>;
export type SymbolInput = Omit<InputOf<'symbol'>, 'src' | 'seq'>;
export type TradeInput = Omit<InputOf<'trade'>, 'src' | 'seq'>;

export const REASON_CHARS_MAX = 200;
