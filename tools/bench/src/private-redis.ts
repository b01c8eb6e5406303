import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectRedis } from '@depthcast/log';
import { findRedis, runRedis } from '@depthcast/start';

/** The Redis of this run alone. */
export interface PrivateRedis {
  readonly url: string;
  readonly pid: number;
  readonly description: string;
  /** Drops every key, and the memory behind them, before it returns. */
  empty(): Promise<void>;
  stop(): Promise<void>;
}

/** A log in memory is what is measured: the disk of a bench machine would only add noise. */
const VOLATILE = ['--save', '', '--appendonly', 'no'];

/**
 * Starts a Redis of our own on a free port of loopback. REDIS_URL is left alone: it may hold somebody's data, and
 * need not be on this machine.
 */
export async function startPrivateRedis(onProgress: (message: string) => void): Promise<PrivateRedis> {
  const source = await findRedis({ places: ['path', 'docker', 'apt'], onProgress });
  if (source.kind === 'url') throw new Error('asked for a Redis to start, got one that runs');
  const dir = mkdtempSync(join(tmpdir(), 'depthcast-bench-'));
  const server = await runRedis(source, { dir, args: VOLATILE });
  // Whatever way this process ends, the server that it started ends too.
  const kill = () => {
    server.kill();
    rmSync(dir, { recursive: true, force: true });
  };
  process.once('exit', kill);
  const client = connectRedis(server.url, { name: 'bench' });
  return {
    url: server.url,
    pid: server.pid,
    description: `${source.description}, no persistence`,
    async empty() {
      await client.flushall('SYNC');
    },
    async stop() {
      client.disconnect();
      kill();
      await server.exited;
      process.removeListener('exit', kill);
    },
  };
}
