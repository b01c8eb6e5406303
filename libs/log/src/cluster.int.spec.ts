import { startRedisCluster, type TestRedisCluster } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { checkRedis } from './check-redis.ts';
import { connectRedis, type RedisClient } from './connect.ts';
import { InboxProducer } from './inbox-producer.ts';
import { InboxReader } from './inbox-reader.ts';
import { partitionKeys } from './keys.ts';
import { LogReader } from './reader.ts';
import { readBooks } from './snapshots.ts';
import { readTip } from './tip.ts';
import { LogWriter } from './writer.ts';

let cluster: TestRedisCluster;
let client: RedisClient;

beforeAll(async () => {
  cluster = await startRedisCluster(3);
  client = connectRedis(cluster.url);
}, 60_000);
afterAll(async () => {
  client?.disconnect();
  await cluster?.stop();
});

describe('on a Redis Cluster', () => {
  it('every partition keeps its keys in one slot, and the whole path works', async () => {
    await checkRedis(client);
    for (const partition of [0, 1, 2]) {
      const keys = partitionKeys(partition);
      const producer = new InboxProducer({ client, keys });
      producer.push({ type: 'clock', tsRecvUs: 1, second: 1 });
      await producer.flush();
      const inbox = new InboxReader(client, keys);
      const [input] = await inbox.read('0-0', 10, new AbortController().signal);
      inbox.close();

      const writer = new LogWriter({ client, keys, writer: 'w', logicVersion: '1', state: () => '{}' });
      expect((await writer.claim()).broken).toBe('start');
      await writer.openEpoch('start', '0-0', '{}');
      await writer.append([{ topic: 'clock', payload: '{"second":1}' }], input?.id ?? '');
      await writer.verify();
      const beside = new InboxReader(client, keys, writer);
      expect(await beside.read('0-0', 10, new AbortController().signal)).toEqual([input]);
      beside.close();
      await writer.storeSnapshot({
        inboxId: input?.id ?? '',
        state: '{}',
        books: [{ symbol: 'BTCUSD', state: '{"a":1}', isSynced: true }],
        accounts: '{}',
      });
      expect(await readBooks(client, keys)).toEqual([{ symbol: 'BTCUSD', cursor: writer.cursor, state: '{"a":1}' }]);

      // Its node is another process now, as far as anybody can tell.
      await client.hset(keys.tip, 'runId', 'of-another-process');
      await writer.verify();
      expect([writer.repairs, (await readTip(client, keys))?.runId]).toEqual([1, writer.runId]);

      const abort = new AbortController();
      for await (const batch of new LogReader(client, keys).follow(
        { epoch: writer.cursor.epoch, offset: 0 },
        { signal: abort.signal },
      )) {
        expect(batch.map((entry) => entry.payload.toString())).toEqual(['{"second":1}']);
        break;
      }
    }
  }, 60_000);
});
