import type { Position } from './position.ts';

/** What a repair is to do: the log ends at `from`, and is to end at `to` with `entries` between. */
export interface Repair {
  readonly from: Position;
  readonly to: Position;
  /** Topic, payload, topic, payload … */
  readonly entries: readonly string[];
  /** The engine's state at `to`. */
  readonly state: string;
}

/** What a repair did. */
export interface Repaired {
  /** Go on reading the inbox after this input: (src, seq) makes it harmless, and the one read last may be no more. */
  readonly inboxId: string;
  /** Entries that Redis had lost and has again, same ids and bytes. */
  readonly reappended: number;
}
