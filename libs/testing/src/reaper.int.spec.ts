import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { afterEach, expect, it } from '@jest/globals';
import { until } from './until.ts';

const PROGRAM = `
  import { startRedis } from '${new URL('./redis/redis.ts', import.meta.url)}';
  const redis = await startRedis();
  console.log(JSON.stringify({ port: redis.port, dir: redis.dir }));
  setInterval(() => {}, 1000);
`;

const answers = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

let child: ChildProcess | undefined;
afterEach(() => {
  child?.kill('SIGKILL');
});

it('a test process that is SIGKILLed takes its Redis and its files with it', async () => {
  const own = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM], { stdio: ['ignore', 'pipe', 'inherit'] });
  child = own;
  const [line] = (await once(createInterface({ input: own.stdout }), 'line')) as [string];
  const { port, dir } = JSON.parse(line) as { port: number; dir: string };
  expect([await answers(port), existsSync(dir)]).toEqual([true, true]);
  own.kill('SIGKILL');
  await until(async () => !(await answers(port)) && !existsSync(dir), 10_000, 'the end of Redis');
});
