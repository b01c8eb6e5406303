import { readFileSync } from 'node:fs';
import { createLogger, startApp } from '@depthcast/ops';
import { partitionOf } from '@depthcast/protocol';
import { startRedis, type TestRedis, until } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { type IngestConfig, readConfig } from './config.ts';
import { ingestModule } from './ingest.module.ts';

const INBOX = 'depthcast:{0}:inbox';
const OPERATIONS = new URL('../../../docs/OPERATIONS.md', import.meta.url);

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => redis.stop());

async function boot(settings: Record<string, string>): Promise<NestFastifyApplication> {
  const config = readConfig([], { REDIS_URL: redis.url, OPS_ADDR: '127.0.0.1:0', ...settings }) as IngestConfig;
  const logger = createLogger('ingest', 'silent');
  return startApp({ name: 'ingest', module: ingestModule(config, logger), addr: config.OPS_ADDR, logger });
}

async function entries(): Promise<{ topic: string; input: Record<string, unknown> }[]> {
  const raw = await redis.client().xrange(INBOX, '-', '+');
  return raw.map(([, fields]) => ({ topic: fields[0] as string, input: JSON.parse(fields[1] as string) }));
}

describe('ingest, over a real Redis', () => {
  it('writes what the simulator gives, in order, and ends with the news that its feeds are down', async () => {
    const app = await boot({ SIMULATOR_RATE: '2000', SYMBOLS: 'BTCUSD,ETHUSD' });
    const client = redis.client();
    await until(async () => (await client.xlen(INBOX)) > 3_000);
    expect((await app.inject('/ready')).statusCode).toBe(200);
    const metrics = (await app.inject('/metrics')).body;
    expect(metrics).toMatch(
      /depthcast_ingest_inputs_total\{venue="simulator",type="order",partition="0",app="ingest"\} [1-9]/,
    );
    expect(metrics).toMatch(/depthcast_ingest_queue_inputs\{partition="0",app="ingest"\} \d/);
    const published = [...metrics.matchAll(/^# TYPE (depthcast_\w+)/gm)].map(([, name]) => name);
    const documented = [...readFileSync(OPERATIONS, 'utf8').matchAll(/^\| `(depthcast_ingest_\w+)`/gm)];
    expect(documented.map(([, name]) => name).sort()).toEqual(published.sort());
    await app.close();
    const all = await entries();
    expect(all.map(({ input }) => input.seq)).toEqual(all.map((_, i) => i + 1));
    expect(new Set(all.map(({ input }) => input.src)).size).toBe(1);
    expect(all.slice(0, 3).map(({ topic }) => topic)).toEqual(['symbol:BTCUSD', 'feed:BTCUSD', 'order:BTCUSD']);
    for (const { topic, input } of all.slice(-2)) {
      expect(topic).toMatch(/^feed:/);
      expect(input).toMatchObject({ status: 'down', reason: 'ingest stopped' });
    }
  });

  it('goes on through an outage of Redis, and loses nothing that fits its queue', async () => {
    await redis.client().flushall();
    const app = await boot({ SIMULATOR_RATE: '500', SYMBOLS: 'BTCUSD' });
    await until(async () => (await redis.client().xlen(INBOX)) > 1_000);
    await redis.pause();
    await new Promise((resolve) => setTimeout(resolve, 500));
    await redis.resume();
    await until(async () => (await redis.client().xlen(INBOX)) > 2_000);
    await app.close();
    const seqs = new Set((await entries()).map(({ input }) => input.seq as number));
    expect([...seqs].sort((a, b) => a - b)).toEqual(Array.from(seqs, (_, i) => i + 1));
  });

  it('starts every book anew when the log begins a new epoch', async () => {
    const client = redis.client();
    await client.flushall();
    await client.hset('depthcast:{0}:tip', { epoch: 1_000, ordinal: 0, offset: 5 });
    const app = await boot({ SYMBOLS: 'BTCUSD' });
    const begun = async (): Promise<number> =>
      (await entries()).filter(({ topic, input }) => topic === 'feed:BTCUSD' && input.status === 'up').length;
    await until(async () => (await begun()) === 1);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(await begun()).toBe(1);
    await client.hset('depthcast:{0}:tip', { epoch: 2_000 });
    await until(async () => (await begun()) === 2);
    await app.close();
    expect((await entries()).some(({ input }) => input.reason === 'new epoch')).toBe(true);
  });

  it('routes every symbol to its partition, and the seconds to all of them', async () => {
    const client = redis.client();
    await client.flushall();
    const app = await boot({ PARTITIONS: '3', SYMBOLS: 'BTCUSD,ETHUSD,ADAUSD,SOLUSD' });
    const inboxes = [0, 1, 2].map((partition) => `depthcast:{${partition}}:inbox`);
    await until(async () => Math.min(...(await Promise.all(inboxes.map((inbox) => client.xlen(inbox))))) > 5);
    await app.close();
    const seen = new Set<string>();
    for (const [partition, inbox] of inboxes.entries()) {
      const topics = (await client.xrange(inbox, '-', '+')).map(([, fields]) => fields[0] as string);
      for (const topic of new Set(topics)) {
        const symbol = topic.split(':')[1];
        seen.add(symbol ?? topic);
        if (symbol !== undefined) expect([topic, partitionOf(symbol, 3)]).toEqual([topic, partition]);
      }
      expect(topics).toContain('clock');
    }
    expect([...seen].sort()).toEqual(['ADAUSD', 'BTCUSD', 'ETHUSD', 'SOLUSD', 'clock']);
    expect(await client.hget('depthcast:cluster', 'partitions')).toBe('3');
  });

  it('does not start with a replay file that is none', async () => {
    await expect(boot({ SOURCE: 'replay', REPLAY_FILE: '/nowhere/x.gz' })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('/nowhere/x.gz'),
    });
  });
});
