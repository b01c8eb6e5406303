import type { Timeline } from '@depthcast/log';
import type { Cursor } from '@depthcast/protocol';
import { JournalEpochs } from './journal-epochs.ts';
import { JournalPages } from './journal-pages.ts';
import type { JournalSource } from './journal-source.ts';
import { Pacer } from './pacer.ts';
import type { PageOptions } from './page.ts';

/** What the journal has to give. */
export interface Journal {
  readonly source: JournalSource;
  readonly epochs: JournalEpochs;
  /** For those who come back. */
  readonly resumes: JournalLane;
  /** For those who want the past to be played. */
  readonly replays: JournalLane;
}

/** Pages out of the journal, and how much may be spent on them. */
export interface JournalLane {
  readonly pages: JournalPages;
  /** Of all who are served in this lane. */
  readonly pacer: Pacer;
}

export interface JournalOptions extends PageOptions {
  readonly source: JournalSource;
  /** What Redis knows. */
  readonly timeline: () => Timeline;
  readonly nowMs: () => number;
  /** Read for, and written to, all who come back. */
  readonly resumeBytesPerSecondMax?: number | undefined;
}

const MIB = 1 << 20;
/** For a machine whose two cores everything shares. */
export const RESUME_BYTES_PER_SECOND = 48 * MIB;

/**
 * Anybody can come back, and many do at once: all of them together are kept to what those who are live do not notice.
 * Replays are few (REPLAYS_MAX), and want to be fast.
 */
const RESUMES = { share: 0.15, partBytes: 64 << 10, readingsMax: 1, readingShare: 0.4 };
const REPLAYS = { share: 0.5, partBytes: 256 << 10, readingsMax: 2, readingShare: 1 };
/** A replay of 250,000 events/s. */
const REPLAY_BYTES_PER_SECOND = 256 * MIB;

export function openJournal(options: JournalOptions): Journal {
  const { source, timeline, nowMs, resumeBytesPerSecondMax = RESUME_BYTES_PER_SECOND, ...paging } = options;
  const epochs = new JournalEpochs({ source, timeline, nowMs });
  const isForked = (cursor: Cursor) => {
    const near = timeline().locate(cursor);
    return near === 'forked' || (near === 'trimmed' && epochs.known?.timeline.locate(cursor) === 'forked');
  };
  const lane = ({ share, ...limits }: typeof RESUMES, bytesPerSecondMax: number): JournalLane => {
    const pacer = new Pacer({ share, bytesPerSecondMax });
    return { pacer, pages: new JournalPages({ ...paging, ...limits, source, pacer, isForked }) };
  };
  return {
    source,
    epochs,
    resumes: lane(RESUMES, resumeBytesPerSecondMax),
    replays: lane(REPLAYS, REPLAY_BYTES_PER_SECOND),
  };
}
