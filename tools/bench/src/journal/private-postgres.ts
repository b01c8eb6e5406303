import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { freePort } from '@depthcast/start';
import pg from 'pg';
import { SkipBench } from '../harness.ts';

const DEBIAN = '/usr/lib/postgresql';
/** "nobody": both programs refuse to run as root. */
const NOBODY = 65_534;
const START_MS_MAX = 20_000;
const run = promisify(execFile);

export interface PrivatePostgres {
  readonly description: string;
  /** A new, empty database. */
  database(): Promise<string>;
  end(): Promise<void>;
}

/**
 * An installed PostgreSQL as it comes, but for its port and folder: it writes through to the disk, as it should.
 *
 * @throws SkipBench where none is installed.
 */
export async function startPrivatePostgres(): Promise<PrivatePostgres> {
  const bin = installed();
  const dir = mkdtempSync(join(tmpdir(), 'depthcast-bench-postgres-'));
  const isRoot = process.getuid?.() === 0;
  const who = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  if (isRoot) chownSync(dir, NOBODY, NOBODY);
  const data = join(dir, 'data');
  await run(join(bin, 'initdb'), ['-D', data, '-U', 'bench', '-A', 'trust', '-E', 'UTF8', '--no-locale'], {
    cwd: dir,
    ...who,
  });
  const port = await freePort();
  const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories='].flatMap((setting) => ['-c', setting]);
  const child = spawn(join(bin, 'postgres'), ['-D', data, '-p', String(port), ...settings], {
    cwd: dir,
    stdio: 'ignore',
    ...who,
  });
  const kill = () => {
    child.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  };
  process.once('exit', kill);
  const url = (name: string) => `postgres://bench@127.0.0.1:${port}/${name}`;
  const [version] = await untilAnswered(url('postgres'));
  let databases = 0;
  return {
    description: `PostgreSQL ${version?.server_version}, its own settings`,
    async database() {
      const name = `bench_${databases++}`;
      await query(url('postgres'), `CREATE DATABASE ${name}`);
      return url(name);
    },
    async end() {
      const gone = once(child, 'exit');
      // Fast shutdown.
      child.kill('SIGINT');
      await gone;
      process.removeListener('exit', kill);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function installed(): string {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...versions.map((version) => join(DEBIAN, version, 'bin')),
    ...(process.env.PATH ?? '').split(delimiter),
  ];
  const bin = folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')));
  if (bin === undefined) throw new SkipBench(`no PostgreSQL is installed in ${DEBIAN} or on PATH`);
  return bin;
}

async function untilAnswered(url: string): Promise<{ server_version?: string }[]> {
  const deadline = Date.now() + START_MS_MAX;
  for (;;) {
    try {
      return await query(url, 'SHOW server_version');
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await sleep(100);
    }
  }
}

async function query(url: string, sql: string): Promise<{ server_version?: string }[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}
