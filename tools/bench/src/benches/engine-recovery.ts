import { setTimeout as sleep } from 'node:timers/promises';
import { connectRedis, partitionKeys } from '@depthcast/log';
import { Redis } from 'ioredis';
import { InboxFiller, progress } from '../engine/inbox.ts';
import { runEngine, untilInputs } from '../engine/run-engine.ts';
import { type Bench, rowOf } from '../harness.ts';
import { spreadOf } from '../statistics.ts';

const INPUTS = 1_000_000;
const PAGE = 2_000;
const POLL_MS = 5;
const keys = partitionKeys();
/** No snapshot between the first, at the inbox' beginning, and the end: the recovery has to replay everything. */
const NO_SNAPSHOTS = {
  SNAPSHOT_EVERY_MS: '3600000',
  SNAPSHOT_EVERY_EVENTS: '1000000000',
  LOG_BYTES_MAX: '68719476736',
};

/**
 * An engine is killed a million inputs after its last snapshot; how long its successor takes until it appends. The
 * reference reads the same inbox and the same log once.
 */
export const engineRecovery: Bench = {
  name: 'engine.recovery',
  longMsMax: 240_000,
  async run({ children, redis, note }) {
    const server = await redis();
    const client = connectRedis(server.url, { name: 'bench-recovery' });
    try {
      const filler = new InboxFiller(client);
      // From the inbox' very beginning an engine leaves a snapshot behind as soon as it can; after that one, no more.
      await filler.fill(1);
      await runEngine(children, server.url, NO_SNAPSHOTS);
      await untilInputs(client, filler.count);
      await filler.fill(INPUTS);
      await untilInputs(client, filler.count);
      const { events } = await progress(client);
      await children.stop();
      await client.del(keys.leader);

      const startedMs = performance.now();
      await runEngine(children, server.url, NO_SNAPSHOTS);
      // Whoever takes over says so in the log, and only then appends.
      while ((await progress(client)).events === events) await sleep(POLL_MS);
      const ours = (performance.now() - startedMs) / 1000;
      await children.stop();
      const theirs = await bareReadSeconds(server.url);
      note(`${INPUTS} inputs replayed, ${events} events compared, the start of the process included`);
      return [
        rowOf({
          name: this.name,
          unit: 's',
          ours: spreadOf([ours]),
          reference: 'reading inbox and log once',
          theirs: spreadOf([theirs]),
          target: { on: 'value', atMost: 20 },
        }),
      ];
    } finally {
      client.disconnect();
    }
  },
};

async function bareReadSeconds(url: string): Promise<number> {
  const connection = new Redis(url);
  const startedMs = performance.now();
  for (const key of [keys.inbox, keys.log]) {
    for (let after = '0-0'; ; ) {
      const reply = await connection.xread('COUNT', PAGE, 'STREAMS', key, after);
      const last = reply?.[0]?.[1].at(-1);
      if (!last) break;
      after = last[0];
    }
  }
  connection.disconnect();
  return (performance.now() - startedMs) / 1000;
}
