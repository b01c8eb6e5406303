import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type PackagedServer, unpackPackages } from '@depthcast/start';

export interface UnpackedPostgres {
  /** The folder of `postgres` and `initdb`. */
  readonly bin: string;
  /** For LD_LIBRARY_PATH; empty when the system had every library. */
  readonly libraryPath: string;
}

const POSTGRES: PackagedServer = {
  name: 'postgres',
  /** The release's own version. */
  async packages(dependenciesOf) {
    const server = (await dependenciesOf(['postgresql'])).find((name) => /^postgresql-\d+$/.test(name));
    if (!server) throw new Error('apt-cache knows no package postgresql');
    return [server];
  },
  programsIn(root) {
    const bin = binIn(root);
    return bin === undefined ? [] : ['postgres', 'initdb'].map((name) => join(bin, name));
  },
  /** LLVM, half of all the bytes, is left out: the server wants it for `jit` alone. */
  isLibrary: (name) => name.startsWith('lib') && !name.includes('llvm'),
  ownModules: '/postgresql/',
};

/**
 * PostgreSQL from this system's packages, see {@link unpackPackages}, beside the Redis that `npm start` unpacks. Root's
 * go to /var/cache, since the server must run as somebody else, who may not look into root's home.
 *
 * @throws Error saying what failed.
 */
export async function unpackPostgres(): Promise<UnpackedPostgres> {
  const { env } = process;
  const own = env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache');
  const cache = join(process.getuid?.() === 0 ? '/var/cache' : own, 'depthcast');
  const { home, libraryPath } = await unpackPackages(POSTGRES, { cache, env });
  return { bin: binIn(home) as string, libraryPath };
}

function binIn(root: string): string | undefined {
  const versions = join(root, 'usr', 'lib', 'postgresql');
  if (!existsSync(versions)) return undefined;
  return readdirSync(versions)
    .map((version) => join(versions, version, 'bin'))
    .find((bin) => existsSync(join(bin, 'initdb')));
}
