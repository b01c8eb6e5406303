import type { DroppedSummary, ReadRow, RetentionPolicy } from './journal-store.ts';
import { firstOf, type RunRead, type Span, walkLog, within } from './log-walk.ts';
import { DAY_US } from './schema.ts';
import { raw, type Sql, type SqlSession, sql } from './sql.ts';
import type { SqlDatabase, WriteSession } from './sql-database.ts';

/** Of one call: so that a caller can stop in between. */
const STEPS_MAX = 64;
/** Marks that are looked at for one step; it takes as many of them as it may delete rows. */
const STEP_MARKS_MAX = 64;

type Reason = 'by_age' | 'by_size' | 'by_items';

interface Step {
  readonly partition: number;
  readonly span: Span;
  /** Besides its place. */
  readonly where: Sql;
  readonly reason: Reason;
}

/** What one symbol and type of one day has lost some of, so that its first event is another now. */
interface Series {
  readonly partition: number;
  readonly dayUs: number;
  readonly symbol: string;
  readonly type: string;
}

/** What one call has dropped. */
class Tally {
  by_age = 0;
  by_size = 0;
  by_items = 0;
  steps = 0;
  readonly series = new Map<string, Series>();

  get exhausted(): boolean {
    return this.steps >= STEPS_MAX;
  }

  get events(): number {
    return this.by_age + this.by_size + this.by_items;
  }
}

/** See `JournalStore.retain`. */
export async function retainWithin(database: SqlDatabase, policy: RetentionPolicy): Promise<DroppedSummary> {
  const tally = new Tally();
  await database.alone(async () => {
    if (policy.ageMsMax !== undefined) await dropByAge(database, policy.ageMsMax, tally);
    if (policy.bboItemsMax !== undefined) await dropByItems(database, policy.bboItemsMax, tally);
    if (policy.bytesMax !== undefined) await dropBySize(database, policy.bytesMax, tally);
    if (tally.events === 0) return;
    await mendSeries(database, tally);
    await database.compact();
  });
  return { events: tally.events, byAge: tally.by_age, bySize: tally.by_size, byItems: tally.by_items };
}

async function dropByAge(database: SqlDatabase, ageMsMax: number, tally: Tally): Promise<void> {
  const [row] = await database.read((session) =>
    session.query(sql`SELECT max(clock_us) FROM journal_tables.partitions`),
  );
  const newest = row?.[0];
  if (typeof newest === 'number') await dropBefore(database, newest - ageMsMax * 1_000, 'by_age', tally);
}

/** The oldest stretches of the log whose share of all payloads is the share of the database that is too much. */
async function dropBySize(database: SqlDatabase, bytesMax: number, tally: Tally): Promise<void> {
  if ((await database.bytes()) <= bytesMax) return;
  // Until then what was written last takes many times its room, and what was dropped all of it: too much would go.
  if (!(await database.compact())) return;
  const marks = await database.read((session) =>
    session.query(sql`SELECT clock_max, bytes FROM journal_tables.marks ORDER BY clock_max`),
  );
  const payloadBytes = marks.reduce((sum, [, bytes]) => sum + (bytes as number), 0);
  const [row] = await database.read((session) =>
    session.query(sql`SELECT CAST(sum(events + orphaned) AS BIGINT) FROM journal_tables.series`),
  );
  const size = database.keptBytes(await database.bytes(), payloadBytes, (row?.[0] as number | null) ?? 0);
  if (size <= bytesMax) return;
  let excess = (1 - bytesMax / size) * payloadBytes;
  let cutoff = 0;
  for (const [clockMax, bytes] of marks) {
    if (excess <= 0) break;
    excess -= bytes as number;
    cutoff = (clockMax as number) + 1;
  }
  await dropBefore(database, cutoff, 'by_size', tally);
}

async function dropBefore(database: SqlDatabase, cutoffUs: number, reason: Reason, tally: Tally): Promise<void> {
  if (database.dropsDays) await dropDaysBefore(database, cutoffUs, reason, tally);
  for (;;) {
    if (tally.exhausted) return;
    const marks = await database.read((session) =>
      session.query(sql`
        SELECT partition, epoch, first_offset, last_offset FROM journal_tables.marks WHERE clock_min < ${cutoffUs}
        ORDER BY partition, epoch, first_offset LIMIT ${STEP_MARKS_MAX}`),
    );
    const [first] = marks as readonly (readonly number[])[];
    if (!first) return;
    const [partition = 0, epoch = 0, from = 0, end = 0] = first;
    let to = end;
    for (const [p, e, , last = 0] of marks as readonly (readonly number[])[]) {
      if (p === partition && e === epoch && last - from < database.dropRowsMax) to = last;
    }
    const span = { epoch, from, to };
    await database.write(async (session) => {
      await drop(session, database, { partition, span, where: sql`clock_us < ${cutoffUs}`, reason }, tally);
      const stretch = sql`partition = ${partition} AND epoch = ${epoch} AND first_offset BETWEEN ${from} AND ${to}`;
      await session.query(sql`DELETE FROM journal_tables.marks WHERE ${stretch} AND clock_max < ${cutoffUs}`);
      await session.query(sql`
        UPDATE journal_tables.marks SET clock_min = ${cutoffUs} WHERE ${stretch} AND clock_min < ${cutoffUs}`);
    });
  }
}

async function dropByItems(database: SqlDatabase, itemsMax: number, tally: Tally): Promise<void> {
  const rows = await database.read((session) =>
    session.query(sql`
      SELECT partition, symbol, CAST(sum(events) AS BIGINT) FROM journal_tables.series WHERE type = 'bbo' AND symbol <> ''
      GROUP BY partition, symbol HAVING sum(events) > ${itemsMax} ORDER BY partition, symbol`),
  );
  for (const [partition, symbol, events] of rows as unknown as readonly [number, string, number][]) {
    let excess = events - itemsMax;
    while (excess > 0 && !tally.exhausted) {
      const dropped = await dropOldestBbo(database, partition, symbol, Math.min(excess, database.dropRowsMax), tally);
      if (dropped === 0) break;
      excess -= dropped;
    }
  }
}

/** One step: up to `count` of them, of the epoch that the oldest one is of. */
async function dropOldestBbo(
  database: SqlDatabase,
  partition: number,
  symbol: string,
  count: number,
  tally: Tally,
): Promise<number> {
  const run: RunRead = (work) => database.read(work);
  let span: { epoch: number; from: number; to: number } | undefined;
  const query = { symbols: [symbol], types: ['bbo'], everyAccount: true, limit: count, keysOnly: true } as const;
  for await (const page of walkLog(run, partition, query, count)) {
    const { epoch, offset: from } = page[0] as ReadRow;
    span ??= { epoch, from, to: from };
    if (epoch !== span.epoch) break;
    span.to = (page.at(-1) as ReadRow).offset;
  }
  if (!span) return 0;
  const step = {
    partition,
    span,
    where: sql`symbol = ${symbol} AND type = 'bbo' AND NOT orphaned`,
    reason: 'by_items',
  } as const;
  return database.write((session) => drop(session, database, step, tally));
}

/**
 * One step, within a transaction: rows, counts and floor together. The partition's row is locked first, as a commit
 * does, so that neither waits for the other with something held.
 */
async function drop(session: WriteSession, database: SqlDatabase, step: Step, tally: Tally): Promise<number> {
  const { partition, span, reason } = step;
  tally.steps++;
  await lock(session, database, sql`WHERE partition = ${partition}`);
  const where = sql`partition = ${partition} AND ${await within(session, partition, span)} AND ${step.where}`;
  const groups = await session.query(sql`
    SELECT clock_us - clock_us % ${DAY_US}, coalesce(symbol, ''), type, CAST(sum(CASE WHEN orphaned THEN 1 ELSE 0 END) AS BIGINT),
      count(*), max("offset")
    FROM journal_tables.events WHERE ${where} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`);
  let total = 0;
  let last = -1;
  for (const group of groups as unknown as readonly [number, string, string, number, number, number][]) {
    const [dayUs, symbol, type, orphaned, count, offset] = group;
    await session.query(sql`
      UPDATE journal_tables.series SET events = events - ${count - orphaned}, orphaned = orphaned - ${orphaned}
      WHERE partition = ${partition} AND day_us = ${dayUs} AND symbol = ${symbol} AND type = ${type}`);
    tally.series.set(`${partition} ${dayUs} ${type} ${symbol}`, { partition, dayUs, symbol, type });
    total += count;
    last = Math.max(last, offset);
  }
  if (total === 0) return 0;
  await session.query(sql`DELETE FROM journal_tables.events WHERE ${where}`);
  await session.query(sql`DELETE FROM journal_tables.bars WHERE ${where}`);
  await raiseFloor(session, partition, span.epoch, last + 1);
  await session.query(sql`
    UPDATE journal_tables.partitions SET ${raw(reason)} = ${raw(reason)} + ${total} WHERE partition = ${partition}`);
  tally[reason] += total;
  return total;
}

async function lock(session: SqlSession, database: SqlDatabase, where: Sql): Promise<void> {
  await session.query(
    sql`SELECT partition FROM journal_tables.partitions ${where} ORDER BY partition ${database.forUpdate}`,
  );
}

async function raiseFloor(session: SqlSession, partition: number, epoch: number, offset: number): Promise<void> {
  await session.query(sql`
    UPDATE journal_tables.partitions SET floor_epoch = ${epoch}, floor_offset = ${offset}
    WHERE partition = ${partition} AND (floor_epoch < ${epoch} OR (floor_epoch = ${epoch} AND floor_offset < ${offset}))`);
}

/** Days that are over and wholly beyond the bound: their tables go at a stroke, their counts are known. */
async function dropDaysBefore(database: SqlDatabase, cutoffUs: number, reason: Reason, tally: Tally): Promise<void> {
  const days = await database.read((session) =>
    session.query(
      sql`SELECT DISTINCT day_us FROM journal_tables.series WHERE day_us <= ${cutoffUs - DAY_US} ORDER BY day_us`,
    ),
  );
  for (const [day] of days) {
    if (tally.exhausted) return;
    tally.steps++;
    await database.write((session) => dropDay(session, database, day as number, reason, tally));
  }
}

async function dropDay(
  session: WriteSession,
  database: SqlDatabase,
  dayUs: number,
  reason: Reason,
  tally: Tally,
): Promise<void> {
  await lock(session, database, sql``);
  const counts = await session.query(sql`
    SELECT partition, CAST(sum(events + orphaned) AS BIGINT) FROM journal_tables.series WHERE day_us = ${dayUs}
    GROUP BY partition ORDER BY partition`);
  const over = sql`clock_max < ${dayUs + DAY_US}`;
  for (const [partition, events] of counts as unknown as readonly [number, number][]) {
    const [last] = (await session.query(sql`
      SELECT epoch, max(last_offset) FROM journal_tables.marks WHERE partition = ${partition} AND ${over}
      GROUP BY epoch ORDER BY epoch DESC LIMIT 1`)) as readonly (readonly number[])[];
    if (last) await raiseFloor(session, partition, last[0] as number, (last[1] as number) + 1);
    await session.query(sql`
      UPDATE journal_tables.partitions SET ${raw(reason)} = ${raw(reason)} + ${events} WHERE partition = ${partition}`);
    tally[reason] += events;
  }
  await session.query(sql`DELETE FROM journal_tables.marks WHERE ${over}`);
  await session.query(sql`DELETE FROM journal_tables.series WHERE day_us = ${dayUs}`);
  await session.query(sql`DELETE FROM journal_tables.bars WHERE clock_us >= ${dayUs} AND clock_us < ${dayUs + DAY_US}`);
  await database.dropDay(session, dayUs);
}

/** After some of a series is gone its first event is another. Looked up beside all writing, one short step each. */
async function mendSeries(database: SqlDatabase, tally: Tally): Promise<void> {
  const run: RunRead = (work) => database.read(work);
  for (const { partition, dayUs, symbol, type } of tally.series.values()) {
    const key = sql`partition = ${partition} AND day_us = ${dayUs} AND symbol = ${symbol} AND type = ${type}`;
    const first =
      symbol === ''
        ? undefined
        : await firstOf(run, partition, { symbols: [symbol], types: [type], everyAccount: true });
    await database.write(async (session) => {
      await lock(session, database, sql`WHERE partition = ${partition}`);
      if (first)
        await session.query(sql`UPDATE journal_tables.series SET first_us = ${first.tsUs} WHERE ${key} AND events > 0`);
      await session.query(sql`DELETE FROM journal_tables.series WHERE ${key} AND events = 0 AND orphaned = 0`);
    });
  }
}
