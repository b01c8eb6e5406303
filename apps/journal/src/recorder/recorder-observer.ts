import type { FollowState } from '@depthcast/log';
import type { JournalBatch, JournalPosition } from '../stores/journal-store.ts';

/** What a recorder tells of itself, for logs and metrics. */
export interface RecorderObserver {
  /** The log is the one that is stored, as far as it could be compared, and is being read. */
  recording?(from: JournalPosition | undefined, comparedEntries: number): void;
  committed?(batch: JournalBatch, ms: number): void;
  /** Another journal stores into this database: this one waits until that stops. */
  standingBy?(): void;
  databaseAway?(error: Error): void;
  /** Reading the log begins again from what is stored. */
  begunAgain?(why: string): void;
  tail?(state: FollowState): void;
}
