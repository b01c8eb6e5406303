import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectRedis, LogReader, partitionKeys, type RedisClient } from '@depthcast/log';
import { type Cursor, formatCursor } from '@depthcast/protocol';
import { openPublisher } from '../fanout/contestant.ts';
import type { PublisherAsk } from '../fanout/publisher.ts';
import { runGateway } from '../fanout/run-gateway.ts';
import { type Bench, type BenchContext, type Figures, interleave, rowOf } from '../harness.ts';
import type { BlobAsk } from '../past/blob-server.ts';
import type { ResumeAsk, Resumes } from '../past/resume-client.ts';
import { quantile } from '../statistics.ts';

const EVENTS = 10_000;
const FILL_EVENTS = 30_000;
const FILL_PER_SECOND = 20_000;
const POLL_MS = 20;
const TIMES = 100;
const ROUNDS = { warmUps: 1, rounds: 5 };
/** Types that nothing comes of here: with each set of them a filter is another one, whose frames nobody has had yet. */
const OTHER_TYPES = ['trade', 'bbo', 'kline', 'fill', 'order_update', 'account', 'market', 'book_status', 'error'];

/**
 * A client that comes back 10,000 events of 400 B later, while they are all in the gateway's window, to a gateway that
 * has encoded none of them for its filter yet. The reference is a server that writes the same bytes at once.
 */
export const gatewayResume: Bench = {
  name: 'gateway.resume',
  async run(context) {
    const { children, note } = context;
    const folder = mkdtempSync(join(tmpdir(), 'depthcast-bench-resume-'));
    try {
      const { url } = await context.redis();
      const tail = await fill(context, url);
      const { port } = await runGateway(children, url);
      const client = children.script('../past/resume-client', import.meta.url);
      const until = `id: ${formatCursor(tail)}\n`;
      const lastId = formatCursor({ ...tail, offset: tail.offset - EVENTS });
      const read = (at: number, paths: readonly string[], more: Partial<ResumeAsk> = {}) =>
        client.request<Resumes>({ port: at, paths, until, ...more } satisfies ResumeAsk);
      const pathOf = (types: string) => `/api/stream?types=${types}&last_id=${lastId}`;
      const file = join(folder, 'answer');
      const { bytes } = await read(port, [pathOf('all')], { keepIn: file });
      const blob = children.script('../past/blob-server', import.meta.url);
      const bare = await blob.request<{ port: number }>({ file } satisfies BlobAsk);
      let asked = 0;
      const others = () => {
        asked++;
        return OTHER_TYPES.filter((_, bit) => (asked >> bit) & 1);
      };
      const fresh = () => pathOf(['book_change', 'clock', ...others()].join(','));
      const times = (path: () => string) => Array.from({ length: TIMES }, path);
      const taken = await interleave(
        {
          ours: async () => figuresOf(await read(port, times(fresh))),
          again: async () =>
            figuresOf(
              await read(
                port,
                times(() => pathOf('all')),
              ),
            ),
          bare: async () =>
            figuresOf(
              await read(
                bare.port,
                times(() => '/'),
              ),
            ),
        },
        ROUNDS,
      );
      note(`${(bytes / 1e6).toFixed(2)} MB each, ${TIMES} times a round, one after the other`);
      const reference = 'the same bytes in one socket.write';
      const row = (suffix: string, who: 'ours' | 'again', figure: 'p50Ms' | 'p99Ms', atMost?: number) =>
        rowOf({
          name: `${this.name}${suffix}`,
          unit: 'ms',
          ours: taken[who][figure],
          reference,
          theirs: taken.bare[figure],
          ...(atMost === undefined ? {} : { target: { on: 'value', atMost } }),
        });
      return [
        row('', 'ours', 'p50Ms', 50),
        row('.p99', 'ours', 'p99Ms', 50),
        row('.again', 'again', 'p50Ms'),
        row('.again.p99', 'again', 'p99Ms'),
      ];
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

function figuresOf({ ms }: Resumes): Figures<'p50Ms' | 'p99Ms'> {
  return { p50Ms: quantile(ms, 0.5), p99Ms: quantile(ms, 0.99) };
}

/** A log of enough events, that nobody writes to any more. Resolves to its tail. */
async function fill(context: BenchContext, url: string): Promise<Cursor> {
  const publisher = await openPublisher(context, { url });
  const client = connectRedis(url, { name: 'bench-resume' });
  try {
    await publisher.request({ kind: 'start', eventsPerSecond: FILL_PER_SECOND } satisfies PublisherAsk);
    while ((await tailOf(client)).offset < FILL_EVENTS) await sleep(POLL_MS);
    await publisher.request({ kind: 'stop' } satisfies PublisherAsk);
    return await tailOf(client);
  } finally {
    client.disconnect();
  }
}

async function tailOf(client: RedisClient): Promise<Cursor> {
  const tail = await new LogReader(client, partitionKeys()).tail();
  if (!tail) throw new Error('the log is empty');
  return tail;
}
