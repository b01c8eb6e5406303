import { connectRedis, partitionKeys } from '@depthcast/log';
import { type Bench, type BenchContext, interleave, type Row, rowOf } from '../harness.ts';
import { bareCopy } from '../journal/bare-copy.ts';
import { bareAppend } from '../journal/bare-duckdb.ts';
import { type BareRow, bareRows, fillLog } from '../journal/fill-log.ts';
import { startPrivatePostgres } from '../journal/private-postgres.ts';
import { drainRate, runJournal } from '../journal/run-journal.ts';
import { processCpuUs } from '../process-cpu.ts';

const keys = partitionKeys();
const ROUNDS = { warmUps: 0, rounds: 3 };
/** Nothing is trimmed: the next round drains the same log. */
const KEPT = { WINDOW_BYTES: String(2 ** 34) };
const REFERENCE_ROWS = 400_000;

interface Contest {
  readonly name: string;
  readonly inputs: number;
  readonly atLeast: number;
  readonly reference: string;
  /** The environment of a journal with an empty database. */
  readonly env: () => Promise<Record<string, string>>;
  readonly bare: (rows: readonly BareRow[]) => Promise<number>;
}

/**
 * The built journal app on a log that is full when it starts: read, checked, taken apart into columns and committed.
 * The reference is the database alone, with rows that are ready in memory.
 */
async function drain({ children, redis, note }: BenchContext, contest: Contest): Promise<Row[]> {
  const server = await redis();
  const client = connectRedis(server.url, { name: 'bench-journal' });
  try {
    const events = await fillLog(children, client, server.url, contest.inputs);
    const rows = await bareRows(client, REFERENCE_ROWS);
    const ours = async () => {
      await client.del(keys.watermark);
      const journal = await runJournal(children, server.url, { ...KEPT, ...(await contest.env()) });
      const rate = await drainRate(journal, events);
      const cpuUs = processCpuUs(journal.pid) / events;
      await journal.end();
      return { rate, cpuUs };
    };
    const theirs = async () => {
      const cpu = process.cpuUsage();
      const rate = await contest.bare(rows);
      const { user, system } = process.cpuUsage(cpu);
      return { rate, cpuUs: (user + system) / rows.length };
    };
    const taken = await interleave({ ours, theirs }, ROUNDS);
    note(`${events} events of order flow, as an engine made them; the reference has the first ${rows.length}`);
    const { name, reference, atLeast } = contest;
    return [
      rowOf({
        name,
        unit: 'events/s',
        ours: taken.ours.rate,
        reference,
        theirs: taken.theirs.rate,
        target: { on: 'value', atLeast },
      }),
      rowOf({ name: `${name}.cpu`, unit: 'µs/event', ours: taken.ours.cpuUs, reference, theirs: taken.theirs.cpuUs }),
    ];
  } finally {
    client.disconnect();
  }
}

export const journalDuckdb: Bench = {
  name: 'journal.duckdb',
  run: (context) =>
    drain(context, {
      name: 'journal.duckdb',
      inputs: 450_000,
      atLeast: 100_000,
      reference: "DuckDB's appender alone",
      env: async () => ({}),
      bare: bareAppend,
    }),
};

export const journalPostgres: Bench = {
  name: 'journal.postgres',
  async run(context) {
    const postgres = await startPrivatePostgres();
    context.note(postgres.description);
    try {
      return await drain(context, {
        name: 'journal.postgres',
        inputs: 200_000,
        atLeast: 30_000,
        reference: 'bare COPY',
        env: async () => ({ JOURNAL_DB_URL: await postgres.database() }),
        bare: async (rows) => bareCopy(await postgres.database(), rows),
      });
    } finally {
      await postgres.end();
    }
  },
};
