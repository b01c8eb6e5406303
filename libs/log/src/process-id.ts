import type { RedisClient } from './connect.ts';
import type { PartitionKeys } from './keys.ts';
import { runText, script } from './script.ts';
import { RUN_ID } from './scripts/shared.lua.ts';

/** As a script, so that in a cluster it is the node of this partition that answers. */
const processId = script('process', `${RUN_ID}\nreturn run_id()\n`);

/** The run id of the Redis process that holds a partition: a restarted or promoted one has another. */
export async function readProcessId(client: RedisClient, keys: PartitionKeys): Promise<string> {
  // By text: in two steps the second might be answered by another process than the commands around the first.
  return String(await runText(client, processId, [keys.log], []));
}
