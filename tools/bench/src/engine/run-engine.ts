import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisClient } from '@depthcast/log';
import { freePort } from '@depthcast/start';
import type { Children } from '../children.ts';
import { progress } from './inbox.ts';

const POLL_MS = 10;

export interface RunningEngine {
  readonly pid: number;
  /** Its /metrics, /health and /ready. */
  readonly url: string;
}

/** The built engine app on a Redis; resolves when it is ready. */
export async function runEngine(
  children: Children,
  redisUrl: string,
  env: Record<string, string> = {},
): Promise<RunningEngine> {
  const addr = `127.0.0.1:${await freePort()}`;
  const url = `http://${addr}`;
  const { pid } = await children.app('engine', {
    env: { REDIS_URL: redisUrl, OPS_ADDR: addr, ...env },
    readyUrl: `${url}/ready`,
  });
  return { pid, url };
}

/** Resolves when the log has the events of so many inputs. */
export async function untilInputs(client: RedisClient, inputs: number): Promise<void> {
  while ((await progress(client)).inputs < inputs) await sleep(POLL_MS);
}
