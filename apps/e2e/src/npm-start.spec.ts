import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, SseClient, startRedis, type TestRedis, until } from '@depthcast/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

let redis: TestRedis;
let child: ChildProcess | undefined;

beforeAll(async () => {
  redis = await startRedis();
});
afterEach(async () => {
  child?.kill('SIGKILL');
});
afterAll(async () => {
  await redis.stop();
  // The history of this Redis, which nobody else has.
  rmSync(join(ROOT, '.depthcast', 'journal', `127.0.0.1_${redis.port}`), { recursive: true, force: true });
});

/** `npm start` with the tests' own Redis; what it says, and how it ends. */
function start(...args: string[]) {
  const { PATH = '', HOME = '' } = process.env;
  const started = spawn(process.execPath, ['tools/start/src/main.ts', ...args], {
    cwd: ROOT,
    env: { PATH, HOME, REDIS_URL: redis.url, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child = started;
  let text = '';
  for (const stream of [started.stdout, started.stderr]) stream.on('data', (data) => (text += data));
  const exit = new Promise<number | null>((resolve) => started.once('exit', resolve));
  return { text: () => text, exit, child: started };
}

describe('npm start', () => {
  it('brings up ingest, engine, journal and gateways, restarts what crashes, and stops all it started', async () => {
    const port = Math.min(await freePort(), 65_000);
    const { text, exit, child: started } = start('--port', String(port), '--gateways', '2', '--fresh', '--json-logs');
    await until(() => text().includes('Depthcast is up'), 60_000, 'the welcome').catch((error) => {
      throw new Error(`${error.message}\n${text()}`);
    });
    expect(text()).toMatch(/REDIS_URL/);

    const symbols = new Set<string>();
    for (const gateway of [port, port + 1]) {
      const stream = await SseClient.connect(`http://127.0.0.1:${gateway}/stream`);
      for (const { data } of await stream.collect(6, 'market_data')) symbols.add(JSON.parse(data).symbol);
      stream.close();
    }
    expect([...symbols].sort()).toEqual(['ADAUSD', 'BTCUSD', 'ETHUSD']);

    const [, history] = /curl '(http\S+\/api\/history\/updates\S+)'/.exec(text()) ?? [];
    await until(
      async () => ((await (await fetch(history as string)).json()) as { updates: unknown[] }).updates.length === 5,
      20_000,
      `five updates at ${history}`,
    );

    const [engine] = pidsOf(text(), 'engine');
    process.kill(engine as number, 'SIGKILL');
    await until(() => pidsOf(text(), 'engine').length === 2, 20_000, 'the engine coming back');
    const stream = await SseClient.connect(`http://127.0.0.1:${port}/api/stream?types=all`);
    await stream.collect(10);
    stream.close();

    started.kill('SIGTERM');
    expect(await exit).toBe(0);
    for (const name of ['ingest', 'engine', 'journal', 'gateway']) {
      const pids = pidsOf(text(), name);
      expect(pids.length).toBeGreaterThan(0);
      expect([name, pids.filter(isAlive)]).toEqual([name, []]);
    }
    await redis.client().ping();
  }, 120_000);

  it('names the port that is in use, and starts nothing', async () => {
    const blocker = createServer().listen(0, '127.0.0.1');
    await until(() => blocker.address());
    const { port } = blocker.address() as { port: number };
    const { text, exit } = start('--port', String(port), '--gateways', '1');
    expect(await exit).toBe(2);
    expect(text()).toContain('PORT_IN_USE');
    expect(text()).toContain(String(port));
    blocker.close();
  }, 30_000);
});

/** Every process that ran as an app, oldest first: its log lines carry its pid. */
function pidsOf(text: string, app: string): number[] {
  const pids = [...text.matchAll(new RegExp(`"app":"${app}","pid":(\\d+)`, 'g'))].map((match) => Number(match[1]));
  return [...new Set(pids)];
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
