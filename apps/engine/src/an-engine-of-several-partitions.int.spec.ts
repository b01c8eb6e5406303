import { connectRedis, InboxProducer, partitionKeys, type RedisClient, readSnapshots, readTip } from '@depthcast/log';
import { createLogger, startApp } from '@depthcast/ops';
import { startRedis, type TestRedis, until } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { type EngineConfig, readConfig } from './config.ts';
import { EngineModule } from './engine.module.ts';

let redis: TestRedis;
let client: RedisClient;
const lines: Record<string, unknown>[] = [];

beforeAll(async () => {
  redis = await startRedis();
  client = connectRedis(redis.url);
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});

async function boot(settings: Record<string, string>): Promise<NestFastifyApplication> {
  const env = { REDIS_URL: redis.url, OPS_ADDR: '127.0.0.1:0', PARTITIONS: '3', ...settings };
  const config = readConfig([], env) as EngineConfig;
  const logger = createLogger('engine', 'info', { write: (line: string) => void lines.push(JSON.parse(line)) });
  return startApp({ name: 'engine', module: EngineModule.forRoot(config, logger), addr: config.OPS_ADDR, logger });
}

const keys = [0, 1, 2].map(partitionKeys);
const isReady = async (app: NestFastifyApplication) => (await app.inject('/ready')).statusCode === 200;
const offsets = () => Promise.all(keys.map(async (its) => (await readTip(client, its))?.offset));

async function tick(second: number): Promise<void> {
  for (const its of keys) {
    const producer = new InboxProducer({ client, keys: its });
    producer.push({ type: 'clock', second, tsRecvUs: second * 1_000_000 });
    await producer.close();
  }
}

describe('an engine of several partitions', () => {
  it('runs those that it is told to and no other, and is ready when all of them have recovered', async () => {
    const some = await boot({ PARTITION: '0,2' });
    await until(() => isReady(some));
    expect(JSON.parse((await some.inject('/ready')).body).conditions).toEqual({
      'recovered-0': { ok: true, reason: 'appends' },
      'recovered-2': { ok: true, reason: 'appends' },
    });
    await tick(1);
    // `epoch`, `engine` and `clock`.
    await until(async () => JSON.stringify(await offsets()) === '[2,null,2]');
    const led = lines.filter(({ msg }) => msg === 'recovered').map(({ partition }) => partition);
    expect(led.toSorted()).toEqual([0, 2]);

    // Another one of all partitions leads the one that is left, and stands by in the others.
    const all = await boot({});
    await until(() => isReady(all));
    expect(JSON.parse((await all.inject('/ready')).body).conditions).toEqual({
      'recovered-0': { ok: true, reason: expect.stringMatching(/^standby/) },
      'recovered-1': { ok: true, reason: 'appends' },
      'recovered-2': { ok: true, reason: expect.stringMatching(/^standby/) },
    });
    await until(async () => (await offsets())[1] === 2);
    const leads = [
      ...(await all.inject('/metrics')).body.matchAll(/engine_leads\{partition="(\d)",app="engine"\} (\d)/g),
    ];
    expect(leads.map(([, partition, value]) => [partition, value])).toEqual([
      ['0', '0'],
      ['1', '1'],
      ['2', '0'],
    ]);

    await some.close();
    await until(async () => (await all.inject('/metrics')).body.match(/engine_leads\{[^}]*\} 1/g)?.length === 3);
    await tick(2);
    // The successor of 0 and 2 says `engine` first.
    await until(async () => JSON.stringify(await offsets()) === '[4,3,4]');
    await all.close();
  }, 30_000);

  it('stores a last snapshot of each that it leads, whatever those that it stands by in do meanwhile', async () => {
    const other = await boot({ PARTITION: '1' });
    await until(() => isReady(other));
    const most = await boot({});
    await until(() => isReady(most));
    const before = (await offsets()) as number[];
    await tick(3);
    await until(async () => JSON.stringify(await offsets()) === JSON.stringify(before.map((offset) => offset + 1)));
    await most.close();
    for (const k of [0, 2]) {
      const [newest] = await readSnapshots(client, keys[k] as (typeof keys)[0]);
      expect(newest?.cursor.offset).toBe((before[k] as number) + 1);
    }
    await other.close();
  }, 30_000);
});
