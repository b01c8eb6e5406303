import type { Timeline } from '@depthcast/log';
import type { Cursor } from '@depthcast/protocol';
import type { AccountTable } from '../commands/account-table.ts';
import type { Fanout } from '../fanout/fanout.ts';
import type { TopicTable } from '../fanout/topics.ts';
import type { Window } from '../fanout/window.ts';
import type { LogSource } from '../tail/log-source.ts';
import type { CursorWaiters } from '../tail/waiters.ts';
import type { MarketState } from '../views/market-state.ts';
import { History } from './history.ts';
import { HistoryPages } from './history-pages.ts';
import { type Journal, type JournalLane, openJournal } from './journal.ts';
import type { JournalSource } from './journal-source.ts';
import { CursorLocator } from './locator.ts';
import type { Pacer } from './pacer.ts';
import { ResumeLadder } from './resume-ladder.ts';
import { SnapshotFrames } from './snapshot-frames.ts';

export interface ResumeOptions {
  readonly source: LogSource;
  readonly window: Window;
  readonly topics: TopicTable;
  readonly fanout: Fanout;
  readonly state: MarketState;
  readonly accounts: AccountTable;
  readonly waiters: CursorWaiters;
  readonly timeline: () => Timeline;
  /** A timeline was read: newer than what the tail has seen, or older, when the tail was faster. */
  readonly onTimeline: (timeline: Timeline) => void;
  /** `undefined`: an epoch that is not on this timeline. */
  readonly ordinalOf: (epoch: number) => number | undefined;
  readonly caughtUp: () => Promise<void>;
  readonly nowMs: () => number;
  readonly onWarn: (message: string, error: Error) => void;
  readonly aheadWaitMs?: number | undefined;
  /** What has left Redis. Without it a cursor that is too old is a `reset`. */
  readonly journal?: JournalSource | undefined;
  readonly journalWaitMs?: number | undefined;
  /** Read and written for all who come back from the journal. */
  readonly resumeBytesPerSecondMax?: number | undefined;
  /** Of what is read from Redis for them. */
  readonly redisPacer?: Pacer | undefined;
}

/** All that knows how a client goes on from where it was. */
export interface Resume {
  readonly journal: Journal | undefined;
  /** What is older than the window, for those who come back, */
  readonly history: History;
  /** and for those who want it played. */
  readonly past: History;
  readonly snapshots: SnapshotFrames;
  readonly locator: CursorLocator;
  readonly ladder: ResumeLadder;
}

/** Puts the rungs together: window, Redis, journal, and the snapshot that follows a `reset`. */
export function makeResume(options: ResumeOptions): Resume {
  const { source, window, topics, state, accounts, fanout, timeline, ordinalOf, nowMs, redisPacer } = options;
  const paging = { topics, ordinalOf };
  const { journal: journalSource, resumeBytesPerSecondMax, aheadWaitMs, journalWaitMs } = options;
  const journal =
    journalSource && openJournal({ ...paging, source: journalSource, timeline, nowMs, resumeBytesPerSecondMax });
  const redis = new HistoryPages({ ...paging, source });
  const locator = new CursorLocator({
    window,
    source,
    waiters: options.waiters,
    timeline,
    journal: journal?.epochs,
    onTimeline: options.onTimeline,
    ...(aheadWaitMs === undefined ? {} : { aheadWaitMs }),
  });
  const isFollowed = (cursor: Cursor, earliest: Cursor) => locator.isFollowed(cursor, earliest);
  const historyOf = (lane: JournalLane | undefined, pacer?: Pacer) =>
    new History({
      redis,
      isFollowed,
      journal: lane && journal && { ...lane, epochs: journal.epochs },
      redisPacer: pacer,
    });
  const history = historyOf(journal?.resumes, redisPacer);
  const snapshots = new SnapshotFrames({ window, state, accounts, nowMs });
  const ladder = new ResumeLadder({
    window,
    fanout,
    history,
    locator,
    snapshots,
    ordinalOf,
    caughtUp: options.caughtUp,
    onWarn: options.onWarn,
    ...(journalWaitMs === undefined ? {} : { journalWaitMs }),
  });
  return { journal, history, past: historyOf(journal?.replays), snapshots, locator, ladder };
}
