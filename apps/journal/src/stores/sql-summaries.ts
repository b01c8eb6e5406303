import type { Cursor } from '@depthcast/protocol';
import type { LatencyQuery, LatencySummary, PartitionSummary, SymbolSummary } from './journal-store.ts';
import { conditionsOf, firstOf, partitionsFor, type RunRead, spansOf, within } from './log-walk.ts';
import { type SqlSession, sql } from './sql.ts';

export async function symbolsOf(session: SqlSession): Promise<readonly SymbolSummary[]> {
  const rows = await session.query(sql`
    SELECT symbol, CAST(sum(events) AS BIGINT),
      CAST(sum(CASE WHEN type = 'bbo' THEN events ELSE 0 END) AS BIGINT),
      CAST(sum(CASE WHEN type = 'trade' THEN events ELSE 0 END) AS BIGINT), min(first_us), max(last_us)
    FROM journal_tables.series WHERE symbol <> '' AND events > 0 GROUP BY symbol`);
  const summaries = rows.map(([symbol, events, bbo, trades, firstUs, lastUs]) => ({
    symbol: symbol as string,
    events: events as number,
    bbo: bbo as number,
    trades: trades as number,
    firstUs: firstUs as number,
    lastUs: lastUs as number,
  }));
  // Here, and not by the database, whose alphabet may be another.
  return summaries.sort((a, b) => (a.symbol < b.symbol ? -1 : 1));
}

export async function partitionsOf(run: RunRead): Promise<readonly PartitionSummary[]> {
  const rows = await run((session) =>
    session.query(sql`
      SELECT p.partition, p.epoch, p."offset", p.ts_us, p.clock_us, p.floor_epoch, p.floor_offset,
        p.by_age, p.by_size, p.by_items,
        (SELECT CAST(coalesce(sum(s.events), 0) AS BIGINT) FROM journal_tables.series s WHERE s.partition = p.partition),
        (SELECT CAST(coalesce(sum(s.orphaned), 0) AS BIGINT) FROM journal_tables.series s WHERE s.partition = p.partition)
      FROM journal_tables.partitions p ORDER BY p.partition`),
  );
  const summaries: PartitionSummary[] = [];
  for (const row of rows) {
    const [partition = 0, epoch = 0, offset = 0, tsUs = 0, clockUs = 0, floorEpoch = 0, floorOffset = 0, ...counts] =
      row as readonly number[];
    const [byAge = 0, bySize = 0, byItems = 0, events = 0, orphaned = 0] = counts;
    summaries.push({
      partition,
      position: { cursor: { epoch, offset }, tsUs, clockUs },
      earliest: await earliestOf(run, partition, { epoch: floorEpoch, offset: floorOffset }),
      events,
      orphaned,
      dropped: { events: byAge + bySize + byItems, byAge, bySize, byItems },
    });
  }
  return summaries;
}

/** The first row at the floor or beyond it: that one itself may be orphaned, or not be the first any more. */
async function earliestOf(run: RunRead, partition: number, floor: Cursor): Promise<Cursor | null> {
  const after = { epoch: floor.epoch, offset: floor.offset - 1 };
  const row = await firstOf(run, partition, { everyAccount: true, after });
  return row ? { epoch: row.epoch, offset: row.offset } : null;
}

/** How often each value occurs: few values, since they are whole milliseconds, from which all else follows exactly. */
export async function latencyOf(run: RunRead, { symbol, ...times }: LatencyQuery): Promise<LatencySummary> {
  const query = { ...times, ...(symbol === undefined ? {} : { symbols: [symbol] }), types: ['bbo'] };
  const counts = new Map<number, number>();
  for (const partition of await partitionsFor(run, query)) {
    for (const span of await run((session) => spansOf(session, partition, query))) {
      const rows = await run(async (session) =>
        session.query(sql`
          SELECT latency_ms, count(*) FROM journal_tables.events
          WHERE ${conditionsOf(partition, query)} AND ${await within(session, partition, span)}
            AND latency_ms IS NOT NULL
          GROUP BY 1`),
      );
      for (const [value, count] of rows as unknown as readonly [number, number][]) {
        counts.set(value, (counts.get(value) ?? 0) + count);
      }
    }
  }
  return summaryOf([...counts].sort(([a], [b]) => a - b));
}

/** @param histogram values, ascending, and how often each occurs. */
function summaryOf(histogram: readonly (readonly [number, number])[]): LatencySummary {
  const count = histogram.reduce((sum, [, times]) => sum + times, 0);
  if (count === 0) return { count, min: null, mean: null, p50: null, p95: null, p99: null, max: null };
  const at = (rank: number): number => {
    let seen = 0;
    for (const [value, times] of histogram) {
      seen += times;
      if (rank < seen) return value;
    }
    return histogram.at(-1)?.[0] as number;
  };
  const percentile = (p: number): number => {
    const rank = p * (count - 1);
    const low = at(Math.floor(rank));
    return low + (at(Math.ceil(rank)) - low) * (rank - Math.floor(rank));
  };
  return {
    count,
    min: at(0),
    mean: histogram.reduce((sum, [value, times]) => sum + value * times, 0) / count,
    p50: percentile(0.5),
    p95: percentile(0.95),
    p99: percentile(0.99),
    max: at(count - 1),
  };
}
