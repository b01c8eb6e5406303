import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { findRedis, type RedisSource } from './find-redis.ts';
import { deleteKeys, hasKeys } from './redis-keys.ts';
import { type RunningRedis, runRedis } from './run-redis.ts';
import { claimState, forgetOwner, recordOwner } from './state.ts';

let dir: string;
let source: Exclude<RedisSource, { kind: 'url' }>;
let redis: RunningRedis;
let client: Redis | undefined;

beforeAll(async () => {
  source = (await findRedis({ places: ['path', 'apt'] })) as typeof source;
});

/** Once each: a second disconnect leaves ioredis a timer of 2 s. */
const leave = (): void => {
  client?.disconnect();
  client = undefined;
};

const start = async (): Promise<void> => {
  leave();
  redis = await runRedis(source, { dir });
  client = new Redis(redis.port);
  client.on('error', () => {});
};

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'depthcast-state-'));
  await start();
});
afterEach(leave);
afterAll(async () => {
  redis.kill();
  await redis.exited;
  rmSync(dir, { recursive: true });
});

describe('the Redis that npm start runs', () => {
  it('never evicts, and keeps what it was told when it is stopped', async () => {
    expect(await client?.config('GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
    expect(await client?.config('GET', 'appendonly')).toEqual(['appendonly', 'yes']);
    await client?.set('depthcast:x', '1');
    leave();
    redis.stop();
    expect(await redis.exited).toBe(0);
    await start();
    expect(await client?.get('depthcast:x')).toBe('1');
  });

  it('is given up while it comes up, when a stop comes first', async () => {
    const other = mkdtempSync(join(tmpdir(), 'depthcast-state-'));
    const stopped = runRedis(source, { dir: other, signal: AbortSignal.abort() });
    await expect(stopped).rejects.toMatchObject({ code: 'REDIS_NOT_FOUND' });
    rmSync(other, { recursive: true });
  });
});

/** Another process that claims the folder and then holds it. */
function anotherStart(): { said: Promise<string>; end: () => Promise<unknown> } {
  const program = `
    import { claimState } from ${JSON.stringify(new URL('state.ts', import.meta.url).href)};
    console.log(await claimState(${JSON.stringify(dir)}, false).then(() => 'claimed', (error) => error.code));
    setInterval(() => {}, 1_000);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const said = once(child.stdout.setEncoding('utf8'), 'data').then(([text]) => (text as string).trim());
  return {
    said,
    end: () => {
      child.kill('SIGKILL');
      return exited;
    },
  };
}

const OWNER_GONE = { pid: 2 ** 22 + 1, began: '1' };

describe('a state folder', () => {
  it('is that of one start alone, though none has a Redis yet, until that one has ended', async () => {
    writeFileSync(join(dir, 'owner.json'), JSON.stringify(OWNER_GONE));
    const starts = [anotherStart(), anotherStart(), anotherStart()];
    try {
      const said = await Promise.all(starts.map((start) => start.said));
      expect(said.toSorted()).toEqual(['STATE_IN_USE', 'STATE_IN_USE', 'claimed']);
      await expect(claimState(dir, true)).rejects.toMatchObject({ code: 'STATE_IN_USE' });
    } finally {
      for (const start of starts) await start.end();
    }
    await claimState(dir, false);
    forgetOwner(dir);
  });

  it('is not that of a process which got the pid of a start that was killed', async () => {
    writeFileSync(join(dir, 'owner.json'), JSON.stringify({ pid: process.pid, began: '1' }));
    const claimed = claimState(dir, false);
    if (existsSync('/proc/self/stat')) await claimed;
    else await expect(claimed).rejects.toMatchObject({ code: 'STATE_IN_USE' });
    forgetOwner(dir);
  });

  it('is refused while another start runs on it', async () => {
    await recordOwner(dir, redis.port);
    await expect(claimState(dir, true)).rejects.toMatchObject({
      code: 'STATE_IN_USE',
      message: expect.stringContaining(`pid ${process.pid}`),
    });
    expect(existsSync(join(dir, 'appendonlydir'))).toBe(true);
  });

  it('is taken over from a start that was killed: the Redis it left is shut down first', async () => {
    await recordOwner(dir, redis.port);
    const owner = { ...JSON.parse(readFileSync(join(dir, 'owner.json'), 'utf8')), ...OWNER_GONE };
    writeFileSync(join(dir, 'owner.json'), JSON.stringify(owner));
    await claimState(dir, false);
    expect(await redis.exited).toBe(0);
    expect(existsSync(join(dir, 'appendonlydir'))).toBe(true);
    forgetOwner(dir);
    await start();
  });

  it.each([JSON.stringify(OWNER_GONE), '', '{"pid"'])('is not refused because of a stale note %j', async (note) => {
    writeFileSync(join(dir, 'owner.json'), note);
    await claimState(dir, false);
    expect(JSON.parse(readFileSync(join(dir, 'owner.json'), 'utf8'))).toMatchObject({ pid: process.pid });
    forgetOwner(dir);
  });

  it('is emptied by --fresh', async () => {
    leave();
    redis.stop();
    await redis.exited;
    await claimState(dir, true);
    expect(existsSync(join(dir, 'appendonlydir'))).toBe(false);
    expect(existsSync(join(dir, 'owner.json'))).toBe(true);
    forgetOwner(dir);
    await start();
  });
});

describe("the user's own Redis", () => {
  it('loses the keys of Depthcast and no other', async () => {
    const url = redis.url;
    const client = new Redis(redis.port);
    await client.flushall();
    expect(await hasKeys(url)).toBe(false);
    await client.mset('mine', '1', 'depthcast:{0}:log', '2', 'depthcast:cluster', '3');
    expect(await hasKeys(url)).toBe(true);
    expect(await deleteKeys(url)).toBe(2);
    expect(await client.keys('*')).toEqual(['mine']);
    client.disconnect();
  });

  it('is named when nothing answers there', async () => {
    await expect(hasKeys('redis://127.0.0.1:1')).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('REDIS_URL: no Redis serves there'),
    });
  });
});
