import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { findRedis, type RedisSource } from './find-redis.ts';
import { freePort } from './ports.ts';
import { type RunningRedis, runRedis } from './run-redis.ts';
import { requireNoEngine, waitForRedis } from './their-redis.ts';

const LEADER = 'depthcast:{0}:leader';

describe("the user's own Redis", () => {
  let dir: string;
  let source: Exclude<RedisSource, { kind: 'url' }>;
  let redis: RunningRedis | undefined;
  let said: string[] = [];
  let stop = new AbortController();
  const say = (message: string): void => {
    said.push(message);
  };

  beforeAll(async () => {
    source = (await findRedis({ places: ['path', 'apt'] })) as typeof source;
    dir = mkdtempSync(join(tmpdir(), 'depthcast-theirs-'));
  });
  afterEach(async () => {
    stop.abort();
    stop = new AbortController();
    said = [];
    redis?.kill();
    await redis?.exited;
    redis = undefined;
  });
  afterAll(() => rmSync(dir, { recursive: true }));
  const run = async (port: number, ...args: string[]): Promise<RunningRedis> => {
    redis = await runRedis(source, { dir, port, args: ['--save', '', '--appendonly', 'no', ...args] });
    return redis;
  };

  it('is waited for, saying so now and then without its password, until it answers', async () => {
    const port = await freePort();
    const waited = waitForRedis(`redis://me:hunter2@127.0.0.1:${port}`, say, stop.signal, 600);
    const line = `Redis at redis://me:***@127.0.0.1:${port} does not answer (ECONNREFUSED): waiting for it`;
    while (said.length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(said).toEqual([line, line]);
    await run(port, '--user', ...'me on >hunter2 ~* +@all'.split(' '));
    await waited;
    expect(said.at(-1)).toBe('Redis answers');
  });

  it('is not spoken of when it answers at once, nor a cluster, which is not asked', async () => {
    const { url } = await run(await freePort());
    await waitForRedis(url, say, stop.signal);
    await waitForRedis(`redis+cluster://127.0.0.1:${await freePort()}`, say, stop.signal);
    expect(said).toEqual([]);
  });

  it('that takes connections and says nothing does not answer, and a stop ends the wait', async () => {
    const mute = createServer(() => {});
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const waited = waitForRedis(`redis://127.0.0.1:${(mute.address() as AddressInfo).port}`, say, stop.signal);
    while (said.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(said[0]).toContain('does not answer (ETIMEDOUT)');
    stop.abort();
    await waited;
    mute.close();
  });

  it('that refuses the password is no Redis to wait for', async () => {
    const { port } = await run(await freePort());
    const client = new Redis(port);
    await client.config('SET', 'requirepass', 'right');
    client.disconnect();
    const wrong = waitForRedis(`redis://:wrong@127.0.0.1:${port}`, say, stop.signal);
    await expect(wrong).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(`redis://:***@127.0.0.1:${port} lets nobody in: WRONGPASS`),
    });
  });

  it('is refused while an engine holds its lease, and not for one that was killed', async () => {
    const { url, port } = await run(await freePort());
    const client = new Redis(port);
    await requireNoEngine(url, stop.signal);
    await client.set(LEADER, 'w7', 'PX', 1_500);
    await requireNoEngine(url, stop.signal);
    await client.set(LEADER, 'w8');
    await expect(requireNoEngine(url, stop.signal)).rejects.toMatchObject({
      code: 'STATE_IN_USE',
      message:
        'another Depthcast runs on this Redis (engine w8): stop it, or use another Redis; to add gateways, start them ' +
        'by themselves (README)',
    });
    await client.rename(LEADER, 'depthcast:{3}:leader');
    await requireNoEngine(url, stop.signal, 3);
    await expect(requireNoEngine(url, stop.signal, 4)).rejects.toMatchObject({ code: 'STATE_IN_USE' });
    client.disconnect();
  });
});
