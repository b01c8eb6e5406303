import { bookL2Apply } from './benches/book-l2-apply.ts';
import { bookL3Orders } from './benches/book-l3-orders.ts';
import { e2eLatency } from './benches/e2e-latency.ts';
import { engineInbox } from './benches/engine-inbox.ts';
import { engineMemory } from './benches/engine-memory.ts';
import { engineRecovery } from './benches/engine-recovery.ts';
import { gatewayDeepResume } from './benches/gateway-deep-resume.ts';
import { gatewayFanout } from './benches/gateway-fanout.ts';
import { gatewayHttp2 } from './benches/gateway-http2.ts';
import { gatewayIdleMemory } from './benches/gateway-idle-memory.ts';
import { gatewayManyFilters } from './benches/gateway-many-filters.ts';
import { gatewayReplay } from './benches/gateway-replay.ts';
import { gatewayResume } from './benches/gateway-resume.ts';
import { gatewaySlowClients } from './benches/gateway-slow-clients.ts';
import { gatewaySocketIo } from './benches/gateway-socketio.ts';
import { gatewayTail } from './benches/gateway-tail.ts';
import { history } from './benches/history.ts';
import { journalDuckdb, journalPostgres } from './benches/journal-stores.ts';
import { logAppend } from './benches/log-append.ts';
import { logTail } from './benches/log-tail.ts';
import { Children } from './children.ts';
import { type Bench, type Row, SkipBench } from './harness.ts';
import { describeMachine } from './machine.ts';
import { parseOptions, USAGE, UsageError } from './options.ts';
import { type PrivateRedis, startPrivateRedis } from './private-redis.ts';
import { renderJson, renderTable } from './table.ts';

const BENCHES: readonly Bench[] = [
  bookL2Apply,
  bookL3Orders,
  logAppend,
  logTail,
  engineInbox,
  engineRecovery,
  engineMemory,
  journalDuckdb,
  journalPostgres,
  history,
  gatewayFanout,
  gatewaySocketIo,
  gatewayManyFilters,
  gatewayIdleMemory,
  gatewayResume,
  gatewaySlowClients,
  gatewayTail,
  gatewayHttp2,
  gatewayReplay,
  gatewayDeepResume,
  e2eLatency,
];
const BENCH_MS_MAX = 240_000;
const RUN_MS_MAX = 1_200_000;

/** Progress and remarks; stdout is for the result alone. */
function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function bounded<T>(work: Promise<T>, msMax: number, name: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${name} took more than ${Math.round(msMax / 1000)} s`)), msMax);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

async function run(names: readonly string[], json: boolean): Promise<number> {
  let shared: Promise<PrivateRedis> | undefined;
  const header = [`machine: ${describeMachine()}`];
  const redis = async () => {
    shared ??= startPrivateRedis(say);
    const server = await shared;
    await server.empty();
    return server;
  };
  const rows: Row[] = [];
  const notes: string[] = [];
  const startedMs = Date.now();
  let failures = 0;
  try {
    for (const bench of BENCHES.filter(({ name }) => names.includes(name))) {
      say(`${bench.name} …`);
      const children = new Children();
      const note = (text: string) => notes.push(`${bench.name}: ${text}`);
      const msMax = bench.longMsMax ?? Math.max(1, Math.min(BENCH_MS_MAX, RUN_MS_MAX - (Date.now() - startedMs)));
      try {
        rows.push(...(await bounded(bench.run({ children, redis, note }), msMax, bench.name)));
      } catch (error) {
        if (error instanceof SkipBench) note(`skipped: ${error.message}`);
        else {
          failures++;
          note(`FAILED: ${(error as Error).stack}`);
        }
      } finally {
        await children.stop();
      }
    }
  } finally {
    const server = await shared?.catch(() => undefined);
    if (server) header.push(`redis: ${server.description}`);
    await server?.stop();
  }
  const remarks = notes.length > 0 ? `\n${notes.join('\n')}\n` : '';
  if (json) {
    if (remarks) say(remarks);
    process.stdout.write(`${renderJson(rows)}\n`);
  } else {
    const seconds = `${((Date.now() - startedMs) / 1000).toFixed(0)} s, medians; everything on loopback of one machine`;
    process.stdout.write(
      `\n${header.join('\n')}\nrun: ${seconds}\n\n${rows.length > 0 ? `${renderTable(rows)}\n` : ''}${remarks}`,
    );
  }
  return failures > 0 ? 1 : 0;
}

// The exit handlers of Children and of the Redis kill by pid what they started.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  process.once(signal, () => process.exit(code));
}

try {
  const options = parseOptions(
    process.argv.slice(2),
    BENCHES.filter(({ longMsMax }) => longMsMax === undefined).map(({ name }) => name),
    BENCHES.filter(({ longMsMax }) => longMsMax !== undefined).map(({ name }) => name),
  );
  if (options === 'help') process.stdout.write(`${USAGE}\n`);
  else process.exitCode = await run(options.names, options.json);
} catch (error) {
  say(error instanceof UsageError ? error.message : String((error as Error).stack));
  process.exitCode = 2;
}
// A timed-out bench may have left something open; everything that matters has been printed and stopped.
process.exit();
