export { type CertFiles, makeCerts } from './certs.ts';
export { findOnPath } from './commands.ts';
export { StartError, type StartErrorCode } from './errors.ts';
export {
  DOCKER_IMAGE,
  type FindRedisOptions,
  findRedis,
  REDIS_PLACES,
  type RedisPlace,
  type RedisSource,
  redisOfBinary,
} from './find-redis.ts';
export { freePort } from './ports.ts';
export { DURABLE, type RunningRedis, type RunRedisOptions, runRedis } from './run-redis.ts';
export { type PackagedServer, type Unpacked, type UnpackOptions, unpackPackages } from './unpack-packages.ts';
