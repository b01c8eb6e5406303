import type { LogEntry } from '@depthcast/log';
import { type Cursor, DepthcastError, eventTopic, formatCursor, parseTopic } from '@depthcast/protocol';
import type { JournalStore, ReadRow } from '../stores/journal-store.ts';
import { storedText } from './row-adapter.ts';

/**
 * Whether this log is the one that is stored: entries that it still holds must have the bytes that are stored under
 * their ids. What is not stored (dropped since, orphaned, in a hole) proves nothing.
 *
 * @param held in the log's order, up to the stored cursor.
 * @returns how many have been compared.
 * @throws DepthcastError `JOURNAL_DIVERGED`
 */
export async function compareOverlap(
  store: JournalStore,
  partition: number,
  held: readonly LogEntry[],
): Promise<number> {
  const [first] = held;
  const last = held.at(-1);
  if (!first || !last) return 0;
  const entries = new Map(held.map((entry) => [formatCursor(entry), entry]));
  const query = {
    partition,
    everyAccount: true,
    after: { epoch: first.epoch, offset: first.offset - 1 },
    before: { epoch: last.epoch, offset: last.offset + 1 },
  } as const;
  let compared = 0;
  for await (const rows of store.events(query)) {
    for (const row of rows) {
      const entry = entries.get(formatCursor(row));
      if (!entry) continue;
      if (!isSame(entry, row)) throw diverged(entry, row);
      compared++;
    }
  }
  return compared;
}

/** The log ends in an epoch before the one that is stored: it is another one, or an older copy. */
export function olderLog(stored: Cursor, tip: Cursor): DepthcastError {
  return new DepthcastError(
    'JOURNAL_DIVERGED',
    `the log ends at ${formatCursor(tip)}, ${formatCursor(stored)} of a later epoch is stored: this Redis is older than the database, or another one`,
  );
}

function diverged(entry: LogEntry, row: ReadRow): DepthcastError {
  const [held, stored] = [shown(entry.topic, entry.payload.toString()), shown(topicOf(row), row.payload)];
  return new DepthcastError(
    'JOURNAL_DIVERGED',
    `at ${formatCursor(entry)} the log holds ${held}, but stored is ${stored}`,
  );
}

/** By what is stored of a topic: of one that no engine wrote that is not all. */
function isSame({ topic, payload }: LogEntry, row: ReadRow): boolean {
  const { type, symbol = null, account = null } = parseTopic(storedText(topic));
  const isSameTopic = type === row.type && symbol === row.symbol && account === row.account;
  return isSameTopic && storedText(payload.toString()) === row.payload;
}

function topicOf({ type, symbol, account }: ReadRow): string {
  return eventTopic(type as Parameters<typeof eventTopic>[0], symbol ?? undefined, account ?? undefined);
}

function shown(topic: string, payload: string): string {
  return `${topic} ${payload.length > 200 ? `${payload.slice(0, 200)}…` : payload}`;
}
