import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { reaper } from '../reaper.ts';
import type { PostgresSource } from './find-postgres.ts';
import { answers, type PostgresServer, type PostgresSpec } from './server.ts';

/** "nobody": both programs refuse to run as root. */
const NOBODY = 65_534;
const INIT_TIMEOUT_MS = 60_000;
const STARTS_MAX = 5;
const run = promisify(execFile);

/** Durability against a crash of the machine is not what tests are about: they kill processes. */
const SETTINGS = [
  'fsync=off',
  'full_page_writes=off',
  'jit=off',
  'unix_socket_directories=',
  'listen_addresses=127.0.0.1',
  'max_connections=60',
  'timezone=GMT',
  'log_timezone=GMT',
];

/** Runs servers as child processes, of their own user where this one is root. */
export function runProcess(source: PostgresSource & { kind: 'binary' }) {
  const who = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  const env = { ...process.env, ...source.env, LC_ALL: 'C', TZ: 'GMT' };
  return async (spec: PostgresSpec): Promise<PostgresServer> => {
    const data = join(spec.dir, 'data');
    if (spec.fresh) {
      const secret = join(spec.dir, 'password');
      writeFileSync(secret, `${spec.password}\n`, { mode: 0o600 });
      if (who.uid !== undefined) for (const path of [spec.dir, secret]) chownSync(path, NOBODY, NOBODY);
      const args = ['-D', data, '-U', spec.user, '-A', 'scram-sha-256', '--pwfile', secret, '-E', 'UTF8'];
      await run(join(source.bin, 'initdb'), [...args, '--no-locale', '--no-sync'], {
        env,
        cwd: spec.dir,
        timeout: INIT_TIMEOUT_MS,
        ...who,
      });
    }
    const settings = [...SETTINGS, ...spec.settings].flatMap((setting) => ['-c', setting]);
    const args = ['-D', data, '-p', String(spec.port), ...settings];
    // After a SIGKILL its children hold the shared memory for a moment, and the next one refuses to start.
    for (let start = 1; ; start++) {
      const child = spawn(join(source.bin, 'postgres'), args, {
        env,
        cwd: spec.dir,
        stdio: ['ignore', 'pipe', 'pipe'],
        ...who,
      });
      const server = await watch(child, spec, start === STARTS_MAX);
      if (server) return server;
    }
  };
}

async function watch(child: ChildProcess, spec: PostgresSpec, last: boolean): Promise<PostgresServer | undefined> {
  const { pid } = child;
  if (pid === undefined) throw (await once(child, 'error'))[0];
  reaper.add('pid', pid);
  const exited = once(child, 'exit').then(() => reaper.drop('pid', pid));
  let said = '';
  const keep = (text: Buffer) => {
    said = (said + text.toString()).slice(-4_000);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const ended = exited.then(() => false);
  if (await Promise.race([answers(spec, ended), ended])) {
    return {
      pid,
      async end(signal) {
        // Fast shutdown: a plain SIGTERM waits for every client to leave.
        child.kill(signal === 'SIGTERM' ? 'SIGINT' : signal);
        await exited;
      },
    };
  }
  child.kill('SIGKILL');
  await exited;
  if (last) throw new Error(`PostgreSQL did not start:\n${said}`);
  await new Promise((resolve) => setTimeout(resolve, 200));
  return undefined;
}
