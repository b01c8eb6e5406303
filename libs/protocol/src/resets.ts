/**
 * Why a client's cursor could not be resumed. A `reset` is always said, and followed by a fresh snapshot:
 * - `trimmed`: what came after the cursor is no longer held;
 * - `forked`: the cursor saw entries that Redis lost in a failover;
 * - `unknown`: malformed, or of another log;
 * - `ahead`: beyond the end of the log;
 * - `repartitioned`: made with another number of partitions.
 */
export const resetReasons = ['trimmed', 'forked', 'unknown', 'ahead', 'repartitioned'] as const;
export type ResetReason = (typeof resetReasons)[number];

/** The payload of the `reset` frame; cursors as text, null where there is none. */
export interface Reset {
  readonly reason: ResetReason;
  readonly requested: string;
  readonly earliest: string | null;
  readonly tail: string | null;
}
