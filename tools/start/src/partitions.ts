import type { Env } from './commands.ts';
import { StartError } from './errors.ts';

/** As libs/protocol has it, which this tool cannot import: it runs before that is built. */
const PARTITIONS_MAX = 64;

/**
 * How many partitions the apps are to have (PARTITIONS).
 *
 * @throws StartError `CONFIG_INVALID` when the apps would not take it.
 */
export function partitionsOf({ PARTITIONS: given }: Env): number {
  const text = given?.trim() || '1';
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= PARTITIONS_MAX) return count;
  throw new StartError(
    'CONFIG_INVALID',
    `PARTITIONS: got ${JSON.stringify(given)}, takes a whole number from 1 to ${PARTITIONS_MAX}`,
  );
}

/** One key of each partition, such as `depthcast:{0}:leader`. */
export function keysOf(name: 'leader' | 'watermark', partitions: number): string[] {
  return Array.from({ length: partitions }, (_, partition) => `depthcast:{${partition}}:${name}`);
}
