import type { RedisClient } from './connect.ts';
import type { PartitionKeys } from './keys.ts';
import { runScript, script } from './script.ts';

/** As a script, so that in a cluster it is the node of this partition that answers. */
const memory = script('memory', `return redis.call('INFO', 'memory')`);

/** Memory of the Redis process that holds a partition. `maxBytes` 0: no bound. */
export async function readMemory(
  client: RedisClient,
  keys: PartitionKeys,
): Promise<{ usedBytes: number; maxBytes: number }> {
  const info = String(await runScript(client, memory, [keys.log], []));
  return {
    usedBytes: Number(/\bused_memory:(\d+)/.exec(info)?.[1]),
    maxBytes: Number(/\bmaxmemory:(\d+)/.exec(info)?.[1] ?? 0),
  };
}
