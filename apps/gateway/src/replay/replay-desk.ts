import { setTimeout as sleep } from 'node:timers/promises';
import { LogGapError, type StoredBook } from '@depthcast/log';
import { type Cursor, compareCursors, DepthcastError, formatCursor, invalid, type Query } from '@depthcast/protocol';
import type { Framing } from '../fanout/format.ts';
import type { Sink } from '../fanout/session.ts';
import type { Gateway } from '../gateway.ts';
import type { Partitions } from '../partitions/partitions.ts';
import type { Journal } from '../resume/journal.ts';
import type { ResumeRequest } from '../resume/locator.ts';
import { inFuture, parseReplay } from './replay-params.ts';
import { type ReplayPlan, ReplaySession, type ReplayWanted } from './replay-session.ts';

export interface ReplayDeskOptions {
  readonly partitions: Partitions;
  readonly replaysMax: number;
  readonly onWarn: (message: string, error: Error) => void;
}

const US_PER_MS = 1_000;
const RECORD_WAIT_MS = 250;
const RECORD_TRIES_MAX = 12;

/** Finds where replays begin, and bounds how many there are. */
export class ReplayDesk {
  readonly #options: ReplayDeskOptions;
  running = 0;

  constructor(options: ReplayDeskOptions) {
    this.#options = options;
  }

  /**
   * What a request that names a moment of the past gets; `undefined` for one that does not, and for one that comes back
   * with the id that it was at: it goes on from there as any other does.
   *
   * @param symbols that it concerns, all of one partition; `undefined`: every one.
   * @param watched whose books it needs.
   * @throws DepthcastError `PARAMETER_INVALID`, `HISTORY_MISSING`, `HISTORY_UNAVAILABLE`, `OVERLOADED`
   */
  async plan(
    query: Query,
    resume: ResumeRequest | undefined,
    symbols: readonly string[] | undefined,
    watched: readonly string[],
  ): Promise<ReplayPlan | undefined> {
    const { partitions, replaysMax } = this.#options;
    const request = parseReplay(query, clockMs(partitions.all[0]));
    if (!request || resume) return undefined;
    const gateway = this.#gatewayOf(symbols);
    const { journal } = gateway;
    if (!journal) throw new DepthcastError('HISTORY_UNAVAILABLE', 'JOURNAL_HTTP_URL names no journal here');
    if (this.running >= replaysMax) throw this.overloaded;
    const { from, text, speed } = request;
    const isTime = typeof from === 'number';
    const after = isTime ? await journal.source.cursorAt(from) : from;
    await this.#check(gateway, after, text);
    const books = watched.length > 0 ? await this.#books(journal, after, watched) : [];
    return { gateway, text, after, startUs: isTime ? from * US_PER_MS : undefined, speed, books };
  }

  /** What is said to one too many. */
  get overloaded(): DepthcastError {
    return new DepthcastError('OVERLOADED', `all ${this.#options.replaysMax} replays are taken`);
  }

  /**
   * A replay, which counts until it has come to the present or is closed; `undefined` when there have come too many
   * since it was planned.
   */
  open(sink: Sink, framing: Framing, plan: ReplayPlan, wanted: ReplayWanted): ReplaySession | undefined {
    const { partitions, onWarn, replaysMax } = this.#options;
    if (this.running >= replaysMax) return undefined;
    this.running++;
    const onEnd = () => {
      this.running--;
    };
    return new ReplaySession({
      partitions,
      sink,
      framing,
      plan,
      wanted,
      nowMs: () => performance.now(),
      onWarn,
      onEnd,
    });
  }

  /** Time goes on in each partition by itself: what is played is of one of them. */
  #gatewayOf(symbols: readonly string[] | undefined): Gateway {
    const { partitions } = this.#options;
    const indexes = partitions.indexesOf(symbols);
    const [index] = indexes;
    if (index !== undefined && indexes.length === 1) return partitions.all[index] as Gateway;
    const got = symbols ? symbols.join(',') : 'all';
    throw invalid('symbols', got, `symbols of one of the ${partitions.count} partitions, where \`from\` is given`);
  }

  /** Whether what follows can be had; it is asked for anyway, and kept until it is played. */
  async #check(gateway: Gateway, cursor: Cursor, text: string): Promise<void> {
    const { past, locator, window } = gateway;
    const located = await locator.locateCursor(cursor);
    if (located.kind === 'lost' && located.reason === 'ahead') throw inFuture(text, clockMs(gateway));
    if (located.kind === 'lost') throw invalid('from', text, 'a cursor of this log');
    if (located.kind !== 'held') throw missing(cursor);
    if (window.positionAfter(cursor) !== undefined) return;
    try {
      await past.after(cursor);
    } catch (error) {
      throw error instanceof LogGapError ? missing(cursor) : error;
    }
  }

  /** The journal's books are as of a cursor that it has come to. It is a moment behind, seldom more. */
  async #books({ source, epochs }: Journal, after: Cursor, symbols: readonly string[]): Promise<readonly StoredBook[]> {
    for (let i = 0; i < RECORD_TRIES_MAX; i++) {
      const { tail } = await epochs.load();
      if (tail && compareCursors(after, tail) <= 0) return source.books(after, symbols);
      await sleep(RECORD_WAIT_MS);
    }
    throw new DepthcastError('HISTORY_UNAVAILABLE', `the journal has not come to ${formatCursor(after)} yet`);
  }
}

/** As a `connection_info` tells it. */
export function describeReplay({ text, after, speed }: ReplayPlan) {
  return { from: text, speed: Number.isFinite(speed) ? speed : 'max', position: formatCursor(after) };
}

function clockMs(gateway: Gateway | undefined): number {
  return (gateway?.clock.nowUs ?? 0) / US_PER_MS;
}

function missing(cursor: Cursor): DepthcastError {
  return new DepthcastError('HISTORY_MISSING', `what follows ${formatCursor(cursor)} is not kept`);
}
