import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Env } from './commands.ts';
import { type PackagedServer, unpackPackages } from './unpack-packages.ts';

export interface UnpackedRedis {
  readonly command: string;
  /** For LD_LIBRARY_PATH; empty when the system had every library. */
  readonly libraryPath: string;
}

const REDIS: PackagedServer = {
  name: 'redis',
  packages: async () => ['redis-server', 'redis-tools'],
  programsIn: (root) => [commandIn(root)].filter((command) => existsSync(command)),
  isLibrary: (name) => /^(lib|lua)/.test(name),
  ownModules: '/lua',
};

/**
 * Redis from this system's packages, see {@link unpackPackages}, in
 * `${XDG_CACHE_HOME:-~/.cache}/depthcast/redis`.
 *
 * @throws Error saying what failed.
 */
export async function unpackRedis(env: Env, onProgress: (message: string) => void): Promise<UnpackedRedis> {
  const cache = join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'depthcast');
  const { home, libraryPath } = await unpackPackages(REDIS, { cache, env, onProgress });
  return { command: commandIn(home), libraryPath };
}

function commandIn(root: string): string {
  return join(root, 'usr', 'bin', 'redis-server');
}
