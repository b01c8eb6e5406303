import type { EventQuery, ReadRow } from './journal-store.ts';
import { DAY_US } from './schema.ts';
import { join, type Sql, type SqlRow, type SqlSession, sql } from './sql.ts';

/**
 * Offsets that one statement looks through: few at first, so that a page of what is frequent reads little beside it,
 * and more whenever there was little to find.
 */
const WINDOW_MIN = 8_192;
const WINDOW_FIRST_MAX = 131_072;
const WINDOW_OF_ROW = 32;
const WINDOW_MAX = 8_388_608;
const WINDOW_GROWTH = 4;

/** Runs one statement with a connection for it alone, so that a slow reader of pages holds none. */
export type RunRead = <T>(work: (session: SqlSession) => Promise<T>) => Promise<T>;

/** Offsets `from` to `to`, both of them in it, of one epoch. */
export interface Span {
  readonly epoch: number;
  readonly from: number;
  readonly to: number;
}

/**
 * One partition's rows that a query is about, in the log's order or against it, page by page; without their payloads
 * where only their places are asked for.
 *
 * Each statement looks through a bounded window of offsets. So a page of something frequent costs one window, whatever
 * the table's size; something rare costs a scan in a few steps, which the database prunes by epoch and offset; and no
 * statement sorts more than a page.
 */
export async function* walkLog(
  run: RunRead,
  partition: number,
  query: EventQuery & { readonly keysOnly?: true },
  pageRows: number,
): AsyncGenerator<readonly ReadRow[]> {
  const spans = await run((session) => spansOf(session, partition, query));
  const conditions = conditionsOf(partition, query);
  const descending = query.newestFirst === true;
  const closed = query.closed === true;
  const table = closed ? sql`journal_tables.bars` : sql`journal_tables.events`;
  const payload = query.keysOnly ? sql`'' AS payload` : sql`payload`;
  if (descending) spans.reverse();
  let left = query.limit ?? Number.POSITIVE_INFINITY;
  for (const span of spans) {
    let { from, to } = span;
    let window = closed ? WINDOW_MAX : Math.min(WINDOW_FIRST_MAX, Math.max(WINDOW_MIN, pageRows * WINDOW_OF_ROW));
    while (from <= to && left > 0) {
      const end = descending ? Math.max(from, to - window + 1) : Math.min(to, from + window - 1);
      const count = Math.min(pageRows, left);
      const stretch = { epoch: span.epoch, from: descending ? end : from, to: descending ? to : end };
      const order = descending ? sql`"offset" DESC` : sql`"offset"`;
      const rows = await run(async (session) =>
        session.query(sql`
          SELECT "offset", type, symbol, account, ts_us, ${payload} FROM ${table}
          WHERE ${conditions} AND ${await within(session, partition, stretch)} ORDER BY ${order} LIMIT ${count}`),
      );
      const full = rows.length === count;
      const next = full ? (rows.at(-1)?.[0] as number) : end;
      if (descending) to = next - 1;
      else from = next + 1;
      if (!full) window = Math.min(WINDOW_MAX, window * WINDOW_GROWTH);
      left -= rows.length;
      if (rows.length > 0) yield rows.map((row) => readRow(partition, span.epoch, row));
    }
  }
}

function readRow(partition: number, epoch: number, row: SqlRow): ReadRow {
  return {
    partition,
    epoch,
    offset: row[0] as number,
    type: row[1] as string,
    symbol: row[2] as string | null,
    account: row[3] as string | null,
    tsUs: row[4] as number,
    payload: row[5] as string,
  };
}

/**
 * Where in each epoch the answers can stand: between the marks that reach into the query's times and into the days that
 * have any of its types and symbols, and between its cursors.
 */
export async function spansOf(session: SqlSession, partition: number, query: EventQuery): Promise<Span[]> {
  const { types, symbols, after, before, fromUs, toUs } = query;
  const days = sql`(SELECT min(day_us) AS first_us, max(day_us) + ${DAY_US} AS end_us FROM journal_tables.series
    WHERE partition = ${partition} AND events > 0 ${types ? sql`AND type IN (${list(types)})` : sql``}
      ${symbols ? sql`AND symbol IN (${list(symbols)})` : sql``}) AS days`;
  const conditions = [
    sql`partition = ${partition} AND clock_max >= days.first_us AND clock_min < days.end_us`,
    ...(fromUs === undefined ? [] : [sql`ts_max >= ${fromUs}`]),
    ...(toUs === undefined ? [] : [sql`ts_min < ${toUs}`]),
    ...(after ? [sql`(epoch > ${after.epoch} OR (epoch = ${after.epoch} AND last_offset > ${after.offset}))`] : []),
    ...(before
      ? [sql`(epoch < ${before.epoch} OR (epoch = ${before.epoch} AND first_offset < ${before.offset}))`]
      : []),
  ];
  const rows = await session.query(sql`
    SELECT epoch, min(first_offset), max(last_offset) FROM journal_tables.marks, ${days}
    WHERE ${join(conditions, ' AND ')} GROUP BY epoch ORDER BY epoch`);
  return rows.map((row) => {
    const [epoch, first, last] = row as unknown as [number, number, number];
    const from = after?.epoch === epoch ? Math.max(first, after.offset + 1) : first;
    const to = before?.epoch === epoch ? Math.min(last, before.offset - 1) : last;
    return { epoch, from, to };
  });
}

/** That an event stands in these offsets; and, where there are many tables, in which of them. */
export async function within(session: SqlSession, partition: number, { epoch, from, to }: Span): Promise<Sql> {
  const place = sql`epoch = ${epoch} AND "offset" BETWEEN ${from} AND ${to}`;
  if (!session.daily) return place;
  const [row] = await session.query(sql`
    SELECT min(clock_min), max(clock_max) FROM journal_tables.marks
    WHERE partition = ${partition} AND epoch = ${epoch} AND first_offset <= ${to} AND last_offset >= ${from}`);
  const [least, greatest] = (row ?? []) as readonly (number | null)[];
  return sql`${place} AND clock_us BETWEEN ${least ?? 0} AND ${greatest ?? 0}`;
}

/** The query without its place in the log. */
export function conditionsOf(partition: number | undefined, query: EventQuery): Sql {
  const { types, symbols, account, interval, closed, openFrom, openTo, fromUs, toUs } = query;
  return join(
    [
      sql`NOT orphaned`,
      ...(partition === undefined ? [] : [sql`partition = ${partition}`]),
      ...(types ? [sql`type IN (${list(types)})`] : []),
      ...(symbols ? [sql`symbol IN (${list(symbols)})`] : []),
      ...(query.everyAccount
        ? []
        : [account === undefined ? sql`account IS NULL` : sql`(account IS NULL OR account = ${account})`]),
      ...(interval === undefined ? [] : [sql`"interval" = ${interval}`]),
      ...(closed === undefined ? [] : [sql`closed = ${closed}`]),
      ...(openFrom === undefined ? [] : [sql`open_ts >= ${openFrom}`]),
      ...(openTo === undefined ? [] : [sql`open_ts < ${openTo}`]),
      ...(fromUs === undefined ? [] : [sql`ts_us >= ${fromUs}`]),
      ...(toUs === undefined ? [] : [sql`ts_us < ${toUs}`]),
    ],
    ' AND ',
  );
}

/** Of nothing is no row. */
function list(names: readonly string[]): Sql {
  return names.length === 0
    ? sql`NULL`
    : join(
        names.map((name) => sql`${name}`),
        ', ',
      );
}

/** In the order of the answer. A symbol is of one partition: the others need not be looked through. */
export async function partitionsFor(run: RunRead, { partition, symbols, newestFirst }: EventQuery): Promise<number[]> {
  if (partition !== undefined) return [partition];
  const rows = await run((session) =>
    session.query(
      symbols
        ? sql`SELECT DISTINCT partition FROM journal_tables.series WHERE symbol IN (${list(symbols)}) ORDER BY partition`
        : sql`SELECT partition FROM journal_tables.partitions ORDER BY partition`,
    ),
  );
  const partitions = rows.map(([number]) => number as number);
  return newestFirst ? partitions.reverse() : partitions;
}

/** The first row of a walk. */
export async function firstOf(run: RunRead, partition: number, query: EventQuery): Promise<ReadRow | undefined> {
  for await (const [row] of walkLog(run, partition, { ...query, limit: 1 }, 1)) return row;
  return undefined;
}
