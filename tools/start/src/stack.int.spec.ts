import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Redis } from 'ioredis';
import type { Env } from './commands.ts';
import { findRedis } from './find-redis.ts';
import { parseOptions } from './options.ts';
import { freePort } from './ports.ts';
import { type RunningRedis, runRedis } from './run-redis.ts';
import { Screen } from './screen.ts';
import { Stack } from './stack.ts';

const REPO = new URL('../../..', import.meta.url).pathname;

/** Stand-ins for built apps: each says what it was given, and stops as apps do. */
const APP = (body: string) => `
  import { connect } from 'node:net';
  console.log(JSON.stringify({ level: 'info', time: new Date().toISOString(), msg: 'up', pid: process.pid, args: process.argv.slice(2),
    source: process.env.SOURCE, partitions: process.env.PARTITIONS, symbols: process.env.SYMBOLS, redis: process.env.REDIS_URL, stdin: process.env.STOP_ON_STDIN_END,
    journal: process.env.JOURNAL_HTTP_URL, file: process.env.JOURNAL_FILE, database: process.env.JOURNAL_DB_URL }));
  const stop = () => {
    const socket = connect(Number(new URL(process.env.REDIS_URL).port), '127.0.0.1', () => { console.log('Redis is still there'); process.exit(0); });
    socket.on('error', () => { console.log('Redis is gone already'); process.exit(0); });
  };
  process.on('SIGTERM', stop);
  process.stdin.on('end', () => process.exit(0)).resume();
  ${body}
`;
const SERVER = APP(`
  import { createServer } from 'node:http';
  createServer((_, response) => response.end('{}')).listen(Number(process.argv.at(-1).split(':')[1]), '127.0.0.1');
`);
const CRASHES_ONCE = APP(`
  import { existsSync, writeFileSync } from 'node:fs';
  if (!existsSync('crashed')) { writeFileSync('crashed', ''); process.exit(3); }
`);

describe('npm start', () => {
  let root: string;
  let stack: Stack;
  let theirs: RunningRedis | undefined;
  let env: Env;
  let text: string;
  const onEnd = jest.fn();

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), 'depthcast-start-'));
    mkdirSync(join(root, 'node_modules/.bin'), { recursive: true });
    writeFileSync(join(root, 'node_modules/.bin/tsc'), 'console.log("compiled", process.argv.slice(2).join(" "))');
    for (const app of ['ingest', 'engine', 'journal', 'gateway'])
      mkdirSync(join(root, 'apps', app, 'dist'), { recursive: true });
    writeFileSync(join(root, 'package.json'), '{"type":"module"}');
    put('gateway', SERVER);
    put('journal', SERVER);
    put('engine', APP(''));
    put('ingest', APP(''));
    // Whatever Redis this machine has, as the only one on PATH.
    const found = await findRedis({ places: ['path', 'apt'] });
    if (found.kind !== 'binary') throw new Error('no server');
    const needs = Object.entries(found.env).map(([name, value]) => `${name}='${value}' `);
    writeFileSync(join(root, 'redis-server'), `#!/bin/sh\n${needs.join('')}exec '${found.command}' "$@"\n`, {
      mode: 0o755,
    });
    env = { ...process.env, PATH: `${root}:${process.env.PATH}`, REDIS_URL: undefined };
    text = '';
    onEnd.mockReset();
  });

  afterEach(async () => {
    await stack.stop();
    theirs?.kill();
    await theirs?.exited;
    theirs = undefined;
    rmSync(root, { recursive: true, force: true });
  });

  const put = (app: string, program: string) => writeFileSync(join(root, 'apps', app, 'dist/main.js'), program);
  const make = async (...argv: string[]): Promise<number> => {
    const port = await freePort();
    const out = new PassThrough();
    out.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    const options = parseOptions(['--gateways', '1', '--port', String(port), ...argv], REPO);
    if (options === 'help') throw new Error('help');
    stack = new Stack(root, options, env, new Screen(out, (_, part) => part, false), onEnd);
    return port;
  };

  const runTheirs = async (port: number): Promise<RunningRedis> => {
    const source = await findRedis({ places: ['path', 'apt'] });
    if (source.kind === 'url') throw new Error('not ours');
    theirs = await runRedis(source, { dir: join(root, 'theirs'), port, args: ['--save', '', '--appendonly', 'no'] });
    return theirs;
  };

  it('builds, runs every app on a Redis of its own, welcomes, and stops Redis last', async () => {
    const port = await make('--symbols', 'BTCUSD');
    await stack.start();
    expect(text).toContain('compiled -b apps/ingest apps/engine apps/journal apps/gateway');
    expect(text).toMatch(/start {6}│ Redis: Redis \d/);
    expect(text).toContain(`curl -N 'http://127.0.0.1:${port}/stream?streams=BTCUSD:MBP:10'`);
    expect(text).toMatch(
      /gateway-1 {2}│ \S+ info {2}up args=\["--addr","127\.0\.0\.1:\d+"\] source=simulator symbols=BTCUSD/,
    );
    expect(JSON.parse(readFileSync(join(root, '.depthcast/redis/owner.json'), 'utf8'))).toMatchObject({
      pid: process.pid,
    });

    await stack.stop();
    expect(text.match(/Redis is still there/g)).toHaveLength(4);
    expect(text).not.toContain('Redis is gone already');
    await expect(fetch(`http://127.0.0.1:${port}/ready`)).rejects.toThrow();
  });

  it('runs a journal, whose file is of the state that it keeps, and tells gateways where it is', async () => {
    const port = await make();
    await stack.start();
    const [, url] = /journal {4}│ .*args=\["--addr","(127\.0\.0\.1:\d+)"\]/.exec(text) ?? [];
    expect(url).toBeDefined();
    expect(text).toMatch(new RegExp(`gateway-1 {2}│ .* journal=http://${url}`));
    expect(text).toMatch(new RegExp(`journal {4}│ .* file=${root}/.depthcast/redis/journal.duckdb`));
    expect(text).toContain(`curl 'http://127.0.0.1:${port}/api/history/updates?symbol=BTCUSD&limit=5'`);
    await stack.stop();

    const file = join(root, '.depthcast/redis/journal.duckdb');
    writeFileSync(file, 'the past');
    await make();
    await stack.start();
    await stack.stop();
    expect(existsSync(file)).toBe(true);
    await make('--fresh');
    await stack.start();
    expect(existsSync(file)).toBe(false);
  });

  it('runs a journal on the database that it is told of', async () => {
    env = { ...env, JOURNAL_DB_URL: 'postgres://127.0.0.1:1/history' };
    await make();
    await stack.start();
    expect(text).toMatch(/journal {4}│ .* database=postgres:\/\/127\.0\.0\.1:1\/history/);
    expect(text).not.toContain('journal.duckdb');
  });

  it('runs none with CACHE_ENABLED=false, and lets the engine trim what one had held', async () => {
    await make();
    await stack.start();
    const redis = () => new Redis(/redis=(redis:\S+)/.exec(text)?.[1] as string);
    const before = redis();
    await before.set('depthcast:{0}:watermark', '1-1');
    before.disconnect();
    await stack.stop();

    env = { ...env, CACHE_ENABLED: 'false' };
    text = '';
    await make();
    await stack.start();
    expect(text).toContain('Depthcast is up');
    expect(text).not.toMatch(/journal {4}│|journal=|api\/history/);
    const after = redis();
    expect(await after.exists('depthcast:{0}:watermark')).toBe(0);
    after.disconnect();
  });

  it('leaves the log of a Redis of the user to a journal of the user, and says so', async () => {
    const theirRedis = await runTheirs(await freePort());
    const client = new Redis(theirRedis.port);
    await client.set('depthcast:{0}:watermark', '1-1');
    env = { ...env, REDIS_URL: theirRedis.url, CACHE_ENABLED: '0' };
    await make();
    await stack.start();
    expect(text).toContain('start      │ a journal has stored this log, and none runs here');
    expect(await client.get('depthcast:{0}:watermark')).toBe('1-1');
    client.disconnect();
  });

  it('deletes the history of a Redis of the user with --fresh, and no other', async () => {
    const theirRedis = await runTheirs(await freePort());
    const own = join(root, '.depthcast/journal', `127.0.0.1_${theirRedis.port}`, 'journal.duckdb');
    const other = join(root, '.depthcast/journal/127.0.0.1_6379/journal.duckdb');
    for (const file of [own, other]) {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, 'the past');
    }
    env = { ...env, REDIS_URL: theirRedis.url };
    await make();
    await stack.start();
    await stack.stop();
    expect(text).toContain(`file=${own}`);
    expect(existsSync(own)).toBe(true);
    await make('--fresh');
    await stack.start();
    expect([existsSync(own), existsSync(other)]).toEqual([false, true]);
  });

  it('ends when the journal says that its database is beyond use', async () => {
    put('journal', APP('process.exit(2);'));
    await make();
    const started = stack.start();
    const deadline = Date.now() + 5_000;
    while (onEnd.mock.calls.length === 0 && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(onEnd).toHaveBeenCalledWith(2);
    await stack.stop();
    await started;
  });

  it('restarts what crashes', async () => {
    put('engine', CRASHES_ONCE);
    await make();
    await stack.start();
    const deadline = Date.now() + 5_000;
    while ((text.match(/engine {5}│ \S+ info {2}up/g)?.length ?? 0) < 2 && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(text).toContain('engine     │ exited with 3: again in 250 ms');
    expect(text.match(/engine {5}│ \S+ info {2}up/g)).toHaveLength(2);
    expect(onEnd).not.toHaveBeenCalled();
  });

  it('ends when an app says that its settings are bad', async () => {
    put('ingest', APP('process.exit(2);'));
    await make();
    await stack.start();
    const deadline = Date.now() + 5_000;
    while (onEnd.mock.calls.length === 0 && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(onEnd).toHaveBeenCalledWith(2);
  });

  it('starts nothing when a port is in use, nor when the build fails', async () => {
    const port = await make();
    const { createServer } = await import('node:http');
    const other = createServer().listen(port, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    await expect(stack.start()).rejects.toMatchObject({ code: 'PORT_IN_USE' });
    expect(text).toBe('');
    await new Promise((resolve) => other.close(resolve));

    writeFileSync(join(root, 'node_modules/.bin/tsc'), 'console.log("error TS2322"); process.exit(1)');
    await make();
    await expect(stack.start()).rejects.toThrow('the build failed');
    expect(text).toContain('error TS2322');
    expect(text).not.toContain('Redis');
  });

  it('refuses a CACHE_ENABLED that is none before it builds', async () => {
    env = { ...env, CACHE_ENABLED: 'maybe' };
    await make();
    await expect(stack.start()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: 'CACHE_ENABLED: got "maybe", takes true or false',
    });
    expect(text).toBe('');
  });

  it('refuses a REDIS_URL that is none before it builds', async () => {
    env = { ...env, REDIS_URL: 'http://x' };
    await make();
    await expect(stack.start()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('REDIS_URL: got "http://x"'),
    });
    expect(text).toBe('');
  });

  it('waits for the Redis of REDIS_URL before it runs any app', async () => {
    const redisPort = await freePort();
    env = { ...env, REDIS_URL: `redis://127.0.0.1:${redisPort}` };
    await make();
    const started = stack.start();
    const line = `start      │ Redis at redis://127.0.0.1:${redisPort} does not answer (ECONNREFUSED): waiting for it`;
    while (!text.includes(line)) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(text).not.toContain('info  up');
    await runTheirs(redisPort);
    await started;
    expect(text).toContain('Depthcast is up');
  });

  it('starts nothing, and deletes nothing, on a Redis where another Depthcast runs', async () => {
    const redis = await runTheirs(await freePort());
    const client = new Redis(redis.port);
    await client.set('depthcast:{0}:leader', 'w7');
    env = { ...env, REDIS_URL: redis.url };
    for (const argv of [[], ['--fresh']]) {
      await make(...argv);
      await expect(stack.start()).rejects.toMatchObject({
        code: 'STATE_IN_USE',
        message: expect.stringContaining('engine w7'),
      });
    }
    expect(text).not.toContain('info  up');
    expect(await client.get('depthcast:{0}:leader')).toBe('w7');
    client.disconnect();
  });

  it('passes PARTITIONS to every app, and goes on with as many as there were', async () => {
    env = { ...env, PARTITIONS: '4' };
    await make('--gateways', '1');
    await stack.start();
    for (const app of ['engine', 'ingest', 'journal', 'gateway-1']) {
      expect(text).toMatch(new RegExp(`${app} *│ .* info  up .*partitions=4`));
    }
    const client = new Redis(/redis=(redis:\S+)/.exec(text)?.[1] as string);
    await client.hset('depthcast:cluster', 'partitions', '4');
    client.disconnect();
    await stack.stop();

    env = { ...env, PARTITIONS: undefined };
    await make('--gateways', '1');
    await expect(stack.start()).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message:
        'PARTITIONS: got 1, but the log that is there was begun with 4: go on with as many, or begin anew with --fresh',
    });
    await stack.stop();
    await make('--gateways', '1', '--fresh');
    await stack.start();
    expect(text).toContain('Depthcast is up');
  });

  it('says when another source wrote the state that it keeps, until --fresh', async () => {
    const line = 'start      │ this state was written with --source simulator; --fresh begins anew';
    for (const [argv, says] of [
      [[], false],
      [['--source', 'binance'], true],
      [['--source', 'binance', '--fresh'], false],
    ] as const) {
      text = '';
      await make(...argv);
      await stack.start();
      await stack.stop();
      expect(text.includes(line)).toBe(says);
    }
  });

  it('is stopped while it starts, and leaves no Redis behind', async () => {
    await make();
    const started = stack.start();
    while (!text.includes('Redis:')) await new Promise((resolve) => setTimeout(resolve, 1));
    await stack.stop();
    await started.catch(() => {});
    expect(text).not.toContain('info  up');
    const left = readdirSync('/proc').filter((pid) => workingFolder(pid).startsWith(root));
    expect(left).toEqual([]);
  });
});

/** The Redis of this test works in a folder of ours; its command line it rewrites itself. */
function workingFolder(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return '';
  }
}
