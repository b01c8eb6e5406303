import type { StreamDefaults } from '@depthcast/protocol';
import type { Framing } from '../fanout/format.ts';
import type { RateBudget } from '../fanout/rates.ts';
import type { Sink } from '../fanout/session.ts';
import type { View } from './view.ts';

/** No view has it for a stamp. */
const NEVER = -1;

/**
 * One connection to views. What it is sent is always the newest; between two writes that its socket has not taken
 * there may have been any number of frames, and it gets the last.
 */
export class ViewSession {
  readonly sink: Sink;
  readonly framing: Framing;
  readonly intervalMs: number;
  /** It watches every symbol, with this type and these levels: also those that the log names later. */
  readonly every: StreamDefaults | undefined;
  /**
   * Log-type streams are on the same connection. Its frames carry no ids, or the client's cursor would skip what those
   * have not been sent yet; and its socket may be busy with what is not ours.
   */
  hasLog: boolean;
  /** Of the view sessions of one connection, one has them. */
  readonly hasHeartbeats: boolean;
  /** Where its connection has a rate. */
  readonly budget: RateBudget | undefined;
  /** `held`: it has been sent as much as its rate allows. */
  state: 'live' | 'draining' | 'held' | 'closed' = 'live';
  /** The stamps of what it was last sent, while that is not what its group was. */
  stamps: number[] | undefined;
  onDrained: ((error?: Error | null) => void) | undefined;
  /** The view that comes first when not all may be sent. */
  #turn = 0;
  #views: readonly View[];
  #key: string;

  constructor(
    sink: Sink,
    options: {
      framing: Framing;
      intervalMs: number;
      views: readonly View[];
      every?: StreamDefaults | undefined;
      hasLog?: boolean;
      hasHeartbeats?: boolean;
      budget?: RateBudget | undefined;
    },
  ) {
    this.sink = sink;
    this.framing = options.framing;
    this.intervalMs = options.intervalMs;
    this.every = options.every;
    this.hasLog = options.hasLog ?? false;
    this.hasHeartbeats = options.hasHeartbeats ?? true;
    this.budget = options.budget;
    this.#views = sorted(options.views);
    this.#key = this.#makeKey();
  }

  get views(): readonly View[] {
    return this.#views;
  }

  /** Sessions of one key share their writes. */
  get key(): string {
    return this.#key;
  }

  /** Watches other views; of those that it watches already, `stamps` says what it has been sent. Not in a group. */
  change(views: readonly View[], stamps: readonly number[], hasLog: boolean): void {
    const before = new Map(this.#views.map((known, i) => [known, stamps[i] ?? 0]));
    this.#views = sorted(views);
    this.stamps = this.#views.map((view) => before.get(view) ?? 0);
    this.hasLog = hasLog;
    this.#key = this.#makeKey();
  }

  /** Adds a view of which nothing has been sent; `stamps` are those of the views it has had so far. */
  extend(view: View, stamps: readonly number[]): void {
    this.change([...this.#views, view], stamps, this.hasLog);
  }

  /**
   * Of the frames that it has not been shown as many as are allowed, in turn, the newest ones: what there was in between
   * is nobody's any more. One that is longer than `bytesMax` comes alone.
   */
  takeFrames(framesMax: number, bytesMax: number): Frames & { readonly isAll: boolean } {
    const before = this.stamps ?? [];
    const stamps = stampsOf(this.#views);
    const changed = this.#views.flatMap((view, i) => (stamps[i] !== before[i] && view.frame() ? [i] : []));
    const next = changed.findIndex((i) => i >= this.#turn);
    const inTurn = next < 0 ? changed : [...changed.slice(next), ...changed.slice(0, next)];
    let bytes = 0;
    const end = inTurn.findIndex((i, n) => {
      bytes += Buffer.byteLength((this.#views[i] as View).frame()?.body ?? '');
      return n >= framesMax || (n > 0 && bytes > bytesMax);
    });
    const isAll = end < 0;
    const taken = isAll ? inTurn : inTurn.slice(0, end);
    for (const i of isAll ? [] : inTurn.slice(end)) stamps[i] = before[i] ?? NEVER;
    const last = taken.at(-1);
    if (last !== undefined) this.#turn = (last + 1) % this.#views.length;
    this.stamps = stamps;
    const views = taken.map((i) => this.#views[i] as View);
    return { ...framesSince({ views, hasLog: this.hasLog }, undefined), isAll };
  }

  #makeKey(): string {
    const keys = this.#views.map((view) => view.key).join(',');
    return `${this.intervalMs}+${this.framing}${this.hasLog ? '+log' : ''}${this.hasHeartbeats ? '' : '+quiet'}|${keys}`;
  }
}

function sorted(views: readonly View[]): View[] {
  return [...views].sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** Frames as one text, and how many they are. */
export interface Frames {
  readonly text: string;
  readonly frames: number;
}

/** The frames whose stamp is not the one given, oldest book first, so that ids rise. Empty text when none. */
export function framesSince(
  { views, hasLog }: { readonly views: readonly View[]; readonly hasLog: boolean },
  stamps: readonly number[] | undefined,
): Frames {
  const frames = views.filter((view, i) => view.stamp !== stamps?.[i]).map((view) => view.frame());
  const present = frames.filter((frame) => frame !== undefined);
  if (present.length > 1) present.sort((a, b) => a.sequence - b.sequence);
  const text = present.map(({ idLine, body }) => (hasLog ? body : idLine + body)).join('');
  return { text, frames: present.length };
}

export function stampsOf(views: readonly View[]): number[] {
  return views.map((view) => view.stamp);
}
