import { type Env, findOnPath, output } from './commands.ts';
import { StartError } from './errors.ts';
import { maskRedisUrl } from './redis-url.ts';
import { unpackRedis } from './unpack-redis.ts';

/** A Redis to use, or a way to run one. */
export type RedisSource =
  | { readonly kind: 'url'; readonly url: string; readonly description: string }
  | {
      readonly kind: 'binary';
      readonly command: string;
      /** What it needs in its environment beyond this process's own, such as LD_LIBRARY_PATH. */
      readonly env: Readonly<Record<string, string>>;
      readonly description: string;
    }
  | { readonly kind: 'docker'; readonly image: string; readonly description: string };

/** In the order in which they are tried. */
export const REDIS_PLACES = ['url', 'path', 'docker', 'apt'] as const;
export type RedisPlace = (typeof REDIS_PLACES)[number];

export interface FindRedisOptions {
  readonly env?: Env;
  /** Leave some out: tests that kill their Redis never take the user's. */
  readonly places?: readonly RedisPlace[];
  /** Called before what takes a while. */
  readonly onProgress?: (message: string) => void;
}

export const DOCKER_IMAGE = 'redis:8-alpine';
/** Streams, their Lua and their INFO fields as we use them came with Redis 7. Valkey starts beyond it. */
const MAJOR_MIN = 7;
const ANSWER_TIMEOUT_MS = 5_000;
const PULL_TIMEOUT_MS = 180_000;

const TITLES: Record<RedisPlace, string> = {
  url: 'REDIS_URL',
  path: 'redis-server or valkey-server on PATH',
  docker: `a Docker engine, for ${DOCKER_IMAGE}`,
  apt: 'apt-get download of redis-server, unpacked into a cache folder (Debian, Ubuntu)',
};

/** Why one place gave nothing: short, for the list. */
class NotHere extends Error {}

/**
 * Finds a Redis: REDIS_URL, the PATH, Docker, the packages of Debian and Ubuntu, in this order.
 *
 * @throws StartError `REDIS_NOT_FOUND` listing every place tried, and why it gave none.
 */
export async function findRedis(options: FindRedisOptions = {}): Promise<RedisSource> {
  const { env = process.env, places = REDIS_PLACES, onProgress = () => {} } = options;
  const find: Record<RedisPlace, () => Promise<RedisSource>> = {
    url: () => fromUrl(env),
    path: () => fromPath(env),
    docker: () => fromDocker(env, onProgress),
    apt: () => fromPackages(env, onProgress),
  };
  const reasons: string[] = [];
  for (const place of REDIS_PLACES.filter((p) => places.includes(p))) {
    try {
      return await find[place]();
    } catch (error) {
      reasons.push(`  ${reasons.length + 1}. ${TITLES[place]}: ${(error as Error).message}`);
    }
  }
  throw new StartError('REDIS_NOT_FOUND', `No Redis. Provide one of these:\n${reasons.join('\n')}`);
}

/**
 * A server of this path as a source.
 *
 * @throws Error when it does not run, or is older than Redis 7.
 */
export async function redisOfBinary(
  command: string,
  env: Env,
  extraEnv: Readonly<Record<string, string>> = {},
): Promise<RedisSource & { kind: 'binary' }> {
  const text = await output(command, ['--version'], { env: { ...env, ...extraEnv }, timeoutMs: ANSWER_TIMEOUT_MS });
  // "Redis server v=7.0.15 sha=…", "Valkey server v=8.1.1 …"
  const match = /(\w+) server v=((\d+)\.[\d.]+)/.exec(text);
  if (!match) throw new NotHere(`${command} is no Redis: it says ${JSON.stringify(text.slice(0, 80))}`);
  if (Number(match[3]) < MAJOR_MIN) {
    throw new NotHere(`${command} is ${match[1]} ${match[2]}, ${MAJOR_MIN}.0 or newer is needed`);
  }
  return { kind: 'binary', command, env: extraEnv, description: `${match[1]} ${match[2]} (${command})` };
}

async function fromUrl(env: Env): Promise<RedisSource> {
  const url = env.REDIS_URL?.trim();
  if (!url) throw new NotHere('not set');
  return { kind: 'url', url, description: `REDIS_URL ${maskRedisUrl(url)}` };
}

async function fromPath(env: Env): Promise<RedisSource> {
  const command = findOnPath(['redis-server', 'valkey-server'], env);
  if (!command) throw new NotHere('neither is there');
  return redisOfBinary(command, env);
}

async function fromDocker(env: Env, onProgress: (message: string) => void): Promise<RedisSource> {
  const docker = findOnPath(['docker'], env);
  if (!docker) throw new NotHere('no docker command');
  const ask = (args: readonly string[], timeoutMs: number) => output(docker, args, { env, timeoutMs });
  const version = (await ask(['version', '--format', '{{.Server.Version}}'], ANSWER_TIMEOUT_MS)).trim();
  try {
    await ask(['image', 'inspect', '--format', '{{.Id}}', DOCKER_IMAGE], ANSWER_TIMEOUT_MS);
  } catch {
    onProgress(`pulling ${DOCKER_IMAGE}`);
    await ask(['pull', '--quiet', DOCKER_IMAGE], PULL_TIMEOUT_MS);
  }
  return { kind: 'docker', image: DOCKER_IMAGE, description: `${DOCKER_IMAGE} on Docker ${version}` };
}

async function fromPackages(env: Env, onProgress: (message: string) => void): Promise<RedisSource> {
  const unpacked = await unpackRedis(env, onProgress);
  return redisOfBinary(unpacked.command, env, unpacked.libraryPath ? { LD_LIBRARY_PATH: unpacked.libraryPath } : {});
}
