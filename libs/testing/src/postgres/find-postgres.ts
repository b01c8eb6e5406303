import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { unpackPostgres } from './unpack-postgres.ts';

/** Where tests get a PostgreSQL from. */
export type PostgresSource =
  | { readonly kind: 'url'; readonly url: string; readonly description: string }
  | { readonly kind: 'docker'; readonly image: string; readonly description: string }
  | {
      readonly kind: 'binary';
      /** The folder of `postgres` and `initdb`. */
      readonly bin: string;
      readonly env: Readonly<Record<string, string>>;
      readonly description: string;
    };

const IMAGE = 'postgres:16';
const ANSWER_TIMEOUT_MS = 10_000;
const PULL_TIMEOUT_MS = 180_000;
const run = promisify(execFile);

let found: Promise<PostgresSource | undefined> | undefined;

/**
 * DEPTHCAST_TEST_POSTGRES (a URL whose user may create databases), else Docker, else an installed server, else one
 * unpacked from the packages of Debian or Ubuntu. Says on stderr which, once a process; when there is none, why, and
 * gives undefined.
 */
export function findPostgres(): Promise<PostgresSource | undefined> {
  found ??= look();
  return found;
}

async function look(): Promise<PostgresSource | undefined> {
  const reasons: string[] = [];
  for (const place of [fromUrl, fromDocker, fromInstalled, fromPackages]) {
    try {
      const source = await place();
      process.stderr.write(`PostgreSQL of these tests: ${source.description}\n`);
      return source;
    } catch (error) {
      reasons.push(`  ${(error as Error).message}`);
    }
  }
  process.stderr.write(`NO POSTGRESQL, ITS TESTS ARE SKIPPED:\n${reasons.join('\n')}\n`);
  return undefined;
}

async function fromUrl(): Promise<PostgresSource> {
  const url = process.env.DEPTHCAST_TEST_POSTGRES;
  if (!url) throw new Error('DEPTHCAST_TEST_POSTGRES is not set');
  const { host } = new URL(url);
  return { kind: 'url', url, description: `DEPTHCAST_TEST_POSTGRES at ${host}` };
}

async function fromDocker(): Promise<PostgresSource> {
  const ask = async (timeout: number, ...args: string[]) => (await run('docker', args, { timeout })).stdout.trim();
  const failed = (error: Error) => {
    throw new Error(`Docker, for ${IMAGE}: ${error.message.trim().split('\n').at(-1)}`);
  };
  const version = await ask(ANSWER_TIMEOUT_MS, 'version', '--format', '{{.Server.Version}}').catch(failed);
  await ask(ANSWER_TIMEOUT_MS, 'image', 'inspect', '--format', '{{.Id}}', IMAGE)
    .catch(() => ask(PULL_TIMEOUT_MS, 'pull', '--quiet', IMAGE))
    .catch(failed);
  return { kind: 'docker', image: IMAGE, description: `${IMAGE} on Docker ${version}` };
}

async function fromInstalled(): Promise<PostgresSource> {
  const debian = '/usr/lib/postgresql';
  const newest = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const onPath = (process.env.PATH ?? '').split(delimiter);
  const bins = [...newest.map((version) => join(debian, version, 'bin')), ...onPath];
  const bin = bins.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres')));
  if (bin === undefined) throw new Error('no initdb and postgres in /usr/lib/postgresql/*/bin or on PATH');
  return fromBinary(bin, {});
}

async function fromPackages(): Promise<PostgresSource> {
  const { bin, libraryPath } = await unpackPostgres();
  return fromBinary(bin, libraryPath ? { LD_LIBRARY_PATH: libraryPath } : {});
}

async function fromBinary(bin: string, env: Readonly<Record<string, string>>): Promise<PostgresSource> {
  const command = join(bin, 'postgres');
  const { stdout } = await run(command, ['--version'], { env: { ...process.env, ...env }, timeout: ANSWER_TIMEOUT_MS });
  const version = stdout.trim().replace('postgres (PostgreSQL)', 'PostgreSQL');
  return { kind: 'binary', bin, env, description: `${version} (${dirname(command)})` };
}
