import type { StreamDefaults } from '@depthcast/protocol';
import type { Framing } from '../fanout/format.ts';
import type { Sink } from '../fanout/session.ts';
import type { View } from './view.ts';

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
  state: 'live' | 'draining' | 'closed' = 'live';
  /** The stamps of what it was last sent, while that is not what its group was. */
  stamps: number[] | undefined;
  onDrained: ((error?: Error | null) => void) | undefined;
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
    },
  ) {
    this.sink = sink;
    this.framing = options.framing;
    this.intervalMs = options.intervalMs;
    this.every = options.every;
    this.hasLog = options.hasLog ?? false;
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

  #makeKey(): string {
    const keys = this.#views.map((view) => view.key).join(',');
    return `${this.intervalMs}+${this.framing}${this.hasLog ? '+log' : ''}|${keys}`;
  }
}

function sorted(views: readonly View[]): View[] {
  return [...views].sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** The frames whose stamp is not the one given, oldest book first, so that ids rise. Empty text when none. */
export function framesSince(
  { views, hasLog }: { readonly views: readonly View[]; readonly hasLog: boolean },
  stamps: readonly number[] | undefined,
): string {
  const frames = views.filter((view, i) => view.stamp !== stamps?.[i]).map((view) => view.frame());
  const present = frames.filter((frame) => frame !== undefined);
  if (present.length > 1) present.sort((a, b) => a.sequence - b.sequence);
  return present.map(({ idLine, body }) => (hasLog ? body : idLine + body)).join('');
}

export function stampsOf(views: readonly View[]): number[] {
  return views.map((view) => view.stamp);
}
