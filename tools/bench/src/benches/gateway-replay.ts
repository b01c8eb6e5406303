import { connectRedis, LOG_LINES_TYPE, LogReader, partitionKeys, readLogLines } from '@depthcast/log';
import { type Cursor, formatCursor } from '@depthcast/protocol';
import { type Bench, type Figures, interleave, rowOf } from '../harness.ts';
import { fillLog } from '../journal/fill-log.ts';
import { drainRate, runJournal } from '../journal/run-journal.ts';
import { leaveRedis } from '../past/leave-redis.ts';
import { runPastGateway } from '../past/past-gateway.ts';
import type { Reading, ReadingAsk } from '../past/reading-client.ts';

const INPUTS = 200_000;
const ROUNDS = { warmUps: 1, rounds: 5 };
const PAGE = 2_048;
const LITTLE = { WINDOW_BYTES: String(2 ** 20) };

/**
 * A log that has left Redis, played at full speed through a real gateway to one client. The reference reads the same
 * events from the journal, page by page, and does nothing with them.
 */
export const gatewayReplay: Bench = {
  name: 'gateway.replay',
  async run({ children, redis, note }) {
    const server = await redis();
    const client = connectRedis(server.url, { name: 'bench-replay' });
    try {
      const events = await fillLog(children, client, server.url, INPUTS);
      const reader = new LogReader(client, partitionKeys());
      const [first, tail] = [await reader.earliest(), await reader.tail()];
      if (!first || !tail) throw new Error('the log is empty');
      const journal = await runJournal(children, server.url, LITTLE);
      await drainRate(journal, events);
      await leaveRedis(client, journal, first);
      const { port } = await runPastGateway(children, server.url, journal.url);
      const script = children.script('../past/reading-client', import.meta.url);
      const until = `id: ${formatCursor(tail)}`;
      const ours = async (): Promise<Figures<'rate'>> => {
        const path = `/api/stream?types=all&account=bench&from=${formatCursor(first)}&speed=max`;
        const ask: ReadingAsk = { kind: 'read', port, path, until };
        const { frames, seconds } = await script.request<Reading>(ask);
        if (frames < events * 0.99) throw new Error(`${frames} of ${events} events came`);
        return { rate: frames / seconds };
      };
      const theirs = async (): Promise<Figures<'rate'>> => ({
        rate: await pagesRate(journal.url, first),
      });
      const taken = await interleave({ ours, theirs }, ROUNDS);
      note(`${events} events of order flow to one client`);
      await journal.end();
      return [
        rowOf({
          name: this.name,
          unit: 'events/s',
          ours: taken.ours.rate,
          reference: "the journal's pages, one after the other",
          theirs: taken.theirs.rate,
          target: { on: 'value', atLeast: 100_000 },
        }),
      ];
    } finally {
      client.disconnect();
    }
  },
};

async function pagesRate(journalUrl: string, first: Cursor): Promise<number> {
  const startedMs = performance.now();
  let events = 0;
  for (let after = first; ; ) {
    const url = `${journalUrl}/internal/log?partition=0&after=${formatCursor(after)}&count=${PAGE}`;
    const response = await fetch(url, { headers: { accept: LOG_LINES_TYPE } });
    const entries = readLogLines(Buffer.from(await response.arrayBuffer()), after);
    const last = entries.at(-1);
    if (!last) return events / ((performance.now() - startedMs) / 1_000);
    events += entries.length;
    after = { epoch: last.epoch, offset: last.offset };
  }
}
