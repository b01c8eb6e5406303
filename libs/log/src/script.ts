import { createHash } from 'node:crypto';
import { isReplyError, type RedisClient } from './connect.ts';

/** A Lua script and its digest: sent once by text, then by digest. */
export interface Script {
  readonly name: string;
  readonly lua: string;
  readonly sha: string;
}

const known = new Map<string, Script>();
/** Every script by its name: what plays Redis in the simulation has a twin of each. */
export const scripts: ReadonlyMap<string, Script> = known;

export function script(name: string, lua: string): Script {
  const made = { name, lua, sha: createHash('sha1').update(lua).digest('hex') };
  known.set(name, made);
  return made;
}

type Argument = string | number | Buffer;

/** Runs a script by digest; where Redis does not know it (a restart, a failover) by text. */
export async function runScript(
  client: RedisClient,
  { lua, sha }: Script,
  keys: readonly string[],
  args: readonly Argument[],
): Promise<unknown> {
  try {
    return await client.evalsha(sha, keys.length, ...keys, ...args);
  } catch (error) {
    // NOSCRIPT is an answer: nothing ran, so sending again is safe.
    if (!isReplyError(error) || !error.message.startsWith('NOSCRIPT')) throw error;
    return client.eval(lua, keys.length, ...keys, ...args);
  }
}

/** Runs a script by text, in one step. */
export function runText(
  client: RedisClient,
  { lua }: Script,
  keys: readonly string[],
  args: readonly Argument[],
): Promise<unknown> {
  // As a list: hundreds of thousands of arguments of one call would not fit the stack.
  return client.call('EVAL', [lua, keys.length, ...keys, ...args]);
}
