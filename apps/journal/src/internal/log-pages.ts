import { logLine } from '@depthcast/log';
import {
  type Cursor,
  compareCursors,
  cursorsEqual,
  DepthcastError,
  type EventType,
  eventTopic,
  formatCursor,
} from '@depthcast/protocol';
import type { HistorySource } from '../history/history-source.ts';
import type { ReadRow } from '../stores/journal-store.ts';

/**
 * The entries that follow a cursor, without a gap, as lines: of its epoch, or of the next one where the cursor is what
 * that one follows. Empty when nothing is stored after it yet.
 *
 * @param after undefined: from the earliest from which the log is kept without a gap.
 * @param countMax entries at most.
 * @throws DepthcastError `HISTORY_MISSING` when what follows is not kept.
 */
export async function logPage(
  history: HistorySource,
  partition: number,
  after: Cursor | undefined,
  countMax: number,
): Promise<string> {
  if (!after) {
    const earliest = (await standing(history, partition))?.earliest;
    if (!earliest) throw missing('nothing is kept');
    return lines(await history.page(partition, previous(earliest), countMax), earliest);
  }
  const here = await history.page(partition, after, countMax);
  if (here.length > 0) return lines(here, { epoch: after.epoch, offset: after.offset + 1 });
  // Who is further than what is stored has only to wait.
  const tail = (await standing(history, partition))?.position.cursor;
  if (tail && tail.epoch === after.epoch && compareCursors(after, tail) >= 0) return '';
  const epochs = await history.epochs(partition);
  // The newest that says so: one that Redis has lost since had perhaps followed the same entry.
  const follows = epochs.findLast(({ previousTail }) => previousTail !== null && cursorsEqual(previousTail, after));
  if (!follows) throw missing(`what follows ${formatCursor(after)} is not kept`);
  const first = { epoch: follows.epoch, offset: 0 };
  return lines(await history.page(partition, previous(first), countMax), first);
}

async function standing(history: HistorySource, partition: number) {
  return (await history.partitions()).find((summary) => summary.partition === partition);
}

/** As far as they follow one another. @throws DepthcastError `HISTORY_MISSING` when the first is not `expected`. */
function lines(rows: readonly ReadRow[], expected: Cursor): string {
  const [first] = rows;
  if (!first || !cursorsEqual(first, expected)) throw missing(`${formatCursor(expected)} is not kept`);
  let text = '';
  let { offset } = expected;
  for (const row of rows) {
    if (row.epoch !== expected.epoch || row.offset !== offset) break;
    offset++;
    const topic = eventTopic(row.type as EventType, row.symbol ?? undefined, row.account ?? undefined);
    text += logLine(row.epoch, row.offset, topic, row.payload);
  }
  return text;
}

function previous({ epoch, offset }: Cursor): Cursor {
  return { epoch, offset: offset - 1 };
}

function missing(message: string): DepthcastError {
  return new DepthcastError('HISTORY_MISSING', message);
}
