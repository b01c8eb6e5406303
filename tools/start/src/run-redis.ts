import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartError } from './errors.ts';
import type { RedisSource } from './find-redis.ts';
import { freePort } from './ports.ts';

export interface RunRedisOptions {
  /** Its working folder, made if need be; absolute. */
  readonly dir: string;
  /** Default: a free one. */
  readonly port?: number;
  /** Options of redis-server; default {@link DURABLE}. */
  readonly args?: readonly string[];
  /** Its configuration file, by its name in `dir`: a Sentinel keeps its state there. The options go over it. */
  readonly configFile?: string;
  /** Gives up: a server that is still coming up is killed. */
  readonly signal?: AbortSignal;
  /** Each line it prints. */
  readonly onLine?: (line: string) => void;
}

export interface RunningRedis {
  readonly url: string;
  readonly port: number;
  /** Of the server itself; with Docker, of the `docker run` in front of it. */
  readonly pid: number;
  /** When it has ended: its exit code, or null if a signal killed it. */
  readonly exited: Promise<number | null>;
  /** SIGTERM: it flushes its files and leaves. */
  stop(): void;
  /** SIGKILL. */
  kill(): void;
}

/** Never evicts, and loses at most a second when the machine dies. RDB snapshots would only add forks. */
export const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', ''];

const ALWAYS = ['--maxmemory-policy', 'noeviction', '--daemonize', 'no', '--loglevel', 'warning'];
const STARTS_MAX = 3;
/** Loading a large append-only file takes its time; during it the server answers -LOADING. */
const PONG_TIMEOUT_MS = 120_000;
const PING_INTERVAL_MS = 20;
const STRANGER_WAIT_MS = 300;
const LINES_KEPT_MAX = 20;

/**
 * Runs a server on loopback and waits until it answers PONG.
 *
 * @throws StartError `REDIS_NOT_FOUND` with what it printed, when it does not come up.
 */
export async function runRedis(
  source: Exclude<RedisSource, { kind: 'url' }>,
  options: RunRedisOptions,
): Promise<RunningRedis> {
  mkdirSync(options.dir, { recursive: true });
  for (let attempt = 1; ; attempt++) {
    try {
      return await runOnce(source, options, options.port ?? (await freePort()));
    } catch (error) {
      // Between finding a free port and taking it somebody else may be quicker.
      if (options.port !== undefined || options.signal?.aborted || attempt === STARTS_MAX) throw error;
    }
  }
}

async function runOnce(
  source: Exclude<RedisSource, { kind: 'url' }>,
  options: RunRedisOptions,
  port: number,
): Promise<RunningRedis> {
  const { child, kill } =
    source.kind === 'binary' ? spawnBinary(source, options, port) : spawnDocker(source, options, port);
  const lines: string[] = [];
  const keep = (text: string): void => {
    for (const line of text.split('\n').filter((part) => part.trim() !== '')) {
      lines.push(line);
      if (lines.length > LINES_KEPT_MAX) lines.shift();
      options.onLine?.(line);
    }
  };
  child.stdout?.setEncoding('utf8').on('data', keep);
  child.stderr?.setEncoding('utf8').on('data', keep);

  let ended = false;
  const exited = new Promise<number | null>((resolve) => {
    const end = (code: number | null): void => {
      ended = true;
      resolve(code);
    };
    child.once('error', (error) => {
      keep(error.message);
      end(null);
    });
    child.once('exit', end);
  });

  const deadline = Date.now() + PONG_TIMEOUT_MS;
  for (;;) {
    const answer = await ask(port);
    // A stranger may have taken the port in between and answer for ours, which is then about to end.
    if (answer && !answer.includes(`process_id:${child.pid}\r`)) await sleep(STRANGER_WAIT_MS);
    if (answer && !ended && !options.signal?.aborted) break;
    if (ended || options.signal?.aborted || Date.now() > deadline) {
      kill();
      await exited;
      throw new StartError('REDIS_NOT_FOUND', `${source.description} did not start:\n  ${lines.join('\n  ')}`);
    }
    await sleep(PING_INTERVAL_MS);
  }
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    pid: child.pid as number,
    exited,
    stop: () => child.kill('SIGTERM'),
    kill,
  };
}

interface Spawned {
  readonly child: ChildProcess;
  readonly kill: () => void;
}

function spawnBinary(source: RedisSource & { kind: 'binary' }, options: RunRedisOptions, port: number): Spawned {
  const args = [
    ...(options.configFile === undefined ? [] : [join(options.dir, options.configFile)]),
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--dir',
    options.dir,
    ...ALWAYS,
    ...(options.args ?? DURABLE),
  ];
  const child = spawn(source.command, args, {
    cwd: options.dir,
    env: { ...process.env, ...source.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: a Ctrl-C in the terminal must reach the apps first and Redis last.
    detached: true,
  });
  return { child, kill: () => child.kill('SIGKILL') };
}

function spawnDocker(source: RedisSource & { kind: 'docker' }, options: RunRedisOptions, port: number): Spawned {
  const name = `depthcast-redis-${randomUUID()}`;
  // The files belong to this user, so that --fresh can delete them.
  const user = process.getuid && process.getgid ? ['--user', `${process.getuid()}:${process.getgid()}`] : [];
  const container = ['--rm', '--name', name, ...user, '-p', `127.0.0.1:${port}:6379`, '-v', `${options.dir}:/data`];
  const file = options.configFile === undefined ? [] : [`/data/${options.configFile}`];
  const server = ['redis-server', ...file, '--port', '6379', '--dir', '/data', ...ALWAYS, ...(options.args ?? DURABLE)];
  const child = spawn('docker', ['run', ...container, source.image, ...server], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  // A killed `docker run` leaves its container behind.
  return { child, kill: () => execFile('docker', ['kill', name], () => child.kill('SIGKILL')) };
}

/** What a server that serves says of itself; undefined while it is not there or loads. */
function ask(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\nINFO server\r\nQUIT\r\n'));
    let text = '';
    socket.setEncoding('latin1');
    socket.setTimeout(1_000, () => socket.destroy());
    socket.on('data', (data) => {
      text += data;
    });
    socket.on('error', () => {});
    // With a password set it answers NOAUTH: it serves.
    socket.once('close', () => resolve(/^(\+PONG|-NOAUTH)/.test(text) ? text : undefined));
  });
}
