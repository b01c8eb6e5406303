import { freePort } from '@depthcast/start';
import type { Children } from '../children.ts';

const MIB = 2 ** 20;

/** A gateway that keeps little itself: what is behind comes from the journal. */
export async function runGateway(
  children: Children,
  redisUrl: string,
  journalUrl: string,
): Promise<{ pid: number; port: number }> {
  const port = await freePort();
  const { pid } = await children.app('gateway', {
    args: ['--addr', `127.0.0.1:${port}`],
    env: { REDIS_URL: redisUrl, JOURNAL_HTTP_URL: journalUrl, WINDOW_BYTES: String(MIB) },
    readyUrl: `http://127.0.0.1:${port}/ready`,
  });
  return { pid, port };
}
