import { type Cursor, cursorsEqual } from '@depthcast/protocol';
import { type BatchTally, MARK_ENTRIES, type OpenMark, tallyBatch } from './batch-tally.ts';
import type { EventRow } from './event-row.ts';
import type { CommitOutcome, JournalBatch, JournalPosition } from './journal-store.ts';
import { within } from './log-walk.ts';
import { DAY_US, dayOf } from './schema.ts';
import { join, type Sql, type SqlSession, sql } from './sql.ts';
import type { SqlDatabase, WriteSession } from './sql-database.ts';

/** The row of `journal_tables.partitions`, as far as a commit needs it. */
interface Standing {
  readonly position: JournalPosition;
  readonly open: OpenMark;
}

/**
 * One batch and its cursor in one transaction. The cursor's row is locked and compared first: of two journals that
 * store the same, the second finds that the cursor has moved.
 */
export async function commitBatch(database: SqlDatabase, batch: JournalBatch): Promise<CommitOutcome> {
  await database.prepareDays(daysOf(batch.rows));
  return database.write(async (session) => {
    const standing = await standingOf(session, batch.partition, database.forUpdate);
    if (!follows(standing?.position.cursor ?? null, batch.after)) return 'overtaken';
    const tally = tallyBatch(batch.rows, standing?.position.cursor ?? null, standing?.open ?? NO_MARK);
    if (!standing && !(await insertPartition(session, batch, tally.open))) return 'overtaken';
    await session.append(batch.partition, batch.rows);
    await addSeries(session, batch.partition, tally);
    await addMarks(session, batch.partition, tally);
    for (const after of batch.orphanedAfter) await orphan(session, batch.partition, after);
    await addEpochs(session, batch);
    await addHoles(session, batch);
    if (standing) await moveCursor(session, batch, tally.open);
    return 'committed';
  });
}

/** A full one: the next row begins another. */
const NO_MARK: OpenMark = { first: 0, entries: MARK_ENTRIES };

function daysOf(rows: readonly EventRow[]): number[] {
  return [...new Set(rows.map((row) => dayOf(row.clockUs)))];
}

export async function standingOf(session: SqlSession, partition: number, lock: Sql): Promise<Standing | undefined> {
  const [row] = await session.query(sql`
    SELECT epoch, "offset", ts_us, clock_us, mark_first, mark_entries
    FROM journal_tables.partitions WHERE partition = ${partition} ${lock}`);
  if (!row) return undefined;
  const [epoch = 0, offset = 0, tsUs = 0, clockUs = 0, first = 0, entries = 0] = row as readonly number[];
  return { position: { cursor: { epoch, offset }, tsUs, clockUs }, open: { first, entries } };
}

function follows(stored: Cursor | null, after: Cursor | null): boolean {
  return stored === null || after === null ? stored === after : cursorsEqual(stored, after);
}

/** False when another journal has just made it. */
async function insertPartition(session: SqlSession, batch: JournalBatch, open: OpenMark): Promise<boolean> {
  const { cursor, tsUs, clockUs } = batch.position;
  const floor = floorOf(batch) ?? batch.rows[0] ?? cursor;
  const rows = await session.query(sql`
    INSERT INTO journal_tables.partitions VALUES (${batch.partition}, ${cursor.epoch}, ${cursor.offset}, ${tsUs}, ${clockUs},
      ${floor.epoch}, ${floor.offset}, ${open.first}, ${open.entries}, 0, 0, 0)
    ON CONFLICT DO NOTHING RETURNING partition`);
  return rows.length === 1;
}

/** Beyond a hole begins what can be resumed. */
function floorOf(batch: JournalBatch): Cursor | undefined {
  return batch.holes.at(-1)?.next;
}

async function moveCursor(session: SqlSession, batch: JournalBatch, open: OpenMark): Promise<void> {
  const { cursor, tsUs, clockUs } = batch.position;
  const floor = floorOf(batch);
  await session.query(sql`
    UPDATE journal_tables.partitions SET epoch = ${cursor.epoch}, "offset" = ${cursor.offset}, ts_us = ${tsUs},
      clock_us = ${clockUs}, mark_first = ${open.first}, mark_entries = ${open.entries}
      ${floor ? sql`, floor_epoch = ${floor.epoch}, floor_offset = ${floor.offset}` : sql``}
    WHERE partition = ${batch.partition}`);
}

async function addSeries(session: SqlSession, partition: number, { series }: BatchTally): Promise<void> {
  if (series.length === 0) return;
  const values = series.map(
    (s) => sql`(${partition}, ${s.dayUs}, ${s.symbol}, ${s.type}, ${s.events}, 0, ${s.firstUs}, ${s.lastUs})`,
  );
  await session.query(sql`
    INSERT INTO journal_tables.series AS s VALUES ${join(values, ', ')}
    ON CONFLICT (partition, day_us, symbol, type) DO UPDATE SET events = s.events + excluded.events,
      first_us = CASE WHEN s.events = 0 THEN excluded.first_us ELSE s.first_us END, last_us = excluded.last_us`);
}

async function addMarks(session: SqlSession, partition: number, { marks }: BatchTally): Promise<void> {
  if (marks.length === 0) return;
  const values = marks.map(
    (m) => sql`(${partition}, ${m.epoch}, ${m.first}, ${m.last}, ${m.tsMin}, ${m.tsMax}, ${m.clockMin}, ${m.clockMax},
      ${m.bytes})`,
  );
  await session.query(sql`
    INSERT INTO journal_tables.marks AS m VALUES ${join(values, ', ')}
    ON CONFLICT (partition, epoch, first_offset) DO UPDATE SET last_offset = excluded.last_offset,
      ts_min = least(m.ts_min, excluded.ts_min), ts_max = greatest(m.ts_max, excluded.ts_max),
      clock_min = least(m.clock_min, excluded.clock_min), clock_max = greatest(m.clock_max, excluded.clock_max),
      bytes = m.bytes + excluded.bytes`);
}

async function addEpochs(session: SqlSession, { partition, epochs }: JournalBatch): Promise<void> {
  for (const { epoch, ordinal, previousTail, reason } of epochs) {
    await session.query(sql`
      INSERT INTO journal_tables.epochs VALUES (${partition}, ${epoch}, ${ordinal}, ${previousTail?.epoch ?? null},
        ${previousTail?.offset ?? null}, ${reason})`);
  }
}

async function addHoles(session: SqlSession, { partition, holes }: JournalBatch): Promise<void> {
  for (const { after, next } of holes) {
    await session.query(sql`
      INSERT INTO journal_tables.holes VALUES (${partition}, ${after?.epoch ?? null}, ${after?.offset ?? null}, ${next.epoch},
        ${next.offset})`);
  }
}

/** Marks what Redis had lost when the next epoch began, and takes it out of what is counted as kept. */
async function orphan(session: WriteSession, partition: number, after: Cursor): Promise<void> {
  const stretch = { epoch: after.epoch, from: after.offset + 1, to: Number.MAX_SAFE_INTEGER };
  const lost = sql`partition = ${partition} AND ${await within(session, partition, stretch)} AND NOT orphaned`;
  const groups = await session.query(sql`
    SELECT clock_us - clock_us % ${DAY_US}, coalesce(symbol, ''), type, count(*) FROM journal_tables.events WHERE ${lost}
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`);
  if (groups.length === 0) return;
  await session.query(sql`UPDATE journal_tables.events SET orphaned = true WHERE ${lost}`);
  await session.query(sql`UPDATE journal_tables.bars SET orphaned = true WHERE ${lost}`);
  for (const group of groups) {
    const [dayUs, symbol, type, events] = group as unknown as [number, string, string, number];
    const kept = sql`partition = ${partition} AND ${symbol === '' ? sql`symbol IS NULL` : sql`symbol = ${symbol}`}
      AND type = ${type} AND clock_us >= ${dayUs} AND clock_us < ${dayUs + DAY_US} AND NOT orphaned`;
    const [first] = await session.query(
      sql`SELECT ts_us FROM journal_tables.events WHERE ${kept} ORDER BY epoch, "offset" LIMIT 1`,
    );
    const [last] = await session.query(
      sql`SELECT ts_us FROM journal_tables.events WHERE ${kept} ORDER BY epoch DESC, "offset" DESC LIMIT 1`,
    );
    await session.query(sql`
      UPDATE journal_tables.series SET events = events - ${events}, orphaned = orphaned + ${events}
        ${first && last ? sql`, first_us = ${first[0] as number}, last_us = ${last[0] as number}` : sql``}
      WHERE partition = ${partition} AND day_us = ${dayUs} AND symbol = ${symbol} AND type = ${type}`);
  }
}
