import { freePort } from '@depthcast/start';
import type { Children } from '../children.ts';

export interface RunningGateway {
  readonly pid: number;
  readonly port: number;
}

/** The built gateway app on a free port; resolves when it is ready. */
export async function runGateway(
  children: Children,
  redisUrl: string,
  env: Record<string, string> = {},
): Promise<RunningGateway> {
  const port = await freePort();
  const { pid } = await children.app('gateway', {
    args: ['--addr', `127.0.0.1:${port}`],
    env: { REDIS_URL: redisUrl, ...env },
    readyUrl: `${'TLS_CERT_PATH' in env ? 'https' : 'http'}://127.0.0.1:${port}/ready`,
  });
  return { pid, port };
}
