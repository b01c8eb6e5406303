import { scripts } from '@depthcast/log';
import type { Reply } from './reply.ts';
import type { ScriptRun, Twin } from './script-run.ts';
import { retire, snapshot, trim } from './snapshot-twins.ts';
import { append, claim, openEpoch, repair } from './writer-twins.ts';

function produce({ call, keys, args, runId, checks }: ScriptRun): Reply {
  const [inbox = ''] = keys;
  const [lengthMax, runIdKnown, ...entries] = args;
  if (checks('replaced') && runIdKnown !== runId) return ['REPLACED', runId];
  const length = Number(call('XLEN', inbox));
  if (length >= Number(lengthMax)) return ['FULL', `${length} inputs nobody has read`];
  const memory = String(call('INFO', 'memory'));
  const used = Number(/used_memory:(\d+)/.exec(memory)?.[1]);
  const most = Number(/maxmemory:(\d+)/.exec(memory)?.[1]);
  if (most > 0 && used > most * 0.8) return ['FULL', `Redis uses ${used} of its ${most} bytes`];
  let id: Reply = null;
  for (let i = 0; i < entries.length; i += 2) id = call('XADD', inbox, '*', ...entries.slice(i, i + 2));
  // A Lua table ends at its first nil.
  return id === null ? ['OK'] : ['OK', id];
}

function take({ call, keys, args, runId }: ScriptRun): Reply {
  const [leader = ''] = keys;
  const [id = '', ttlMs = '', knownRunId] = args;
  const holder = call('GET', leader);
  if (holder !== null || ttlMs === '0' || (knownRunId !== '' && knownRunId !== runId)) return [holder ?? '', runId];
  call('SET', leader, id, 'PX', ttlMs);
  return [id, runId];
}

function hold({ call, keys, args }: ScriptRun): Reply {
  const [leader = ''] = keys;
  const [id = '', ttlMs = ''] = args;
  const holder = call('GET', leader);
  if (holder !== null && holder !== id) return 0;
  if (ttlMs === '0') call('DEL', leader);
  else call('SET', leader, id, 'PX', ttlMs);
  return 1;
}

/** By the scripts' names. */
const TWINS: Readonly<Record<string, Twin>> = {
  append,
  claim,
  epoch: openEpoch,
  repair,
  snapshot,
  trim,
  retire,
  produce,
  take,
  hold,
  memory: ({ call }) => call('INFO', 'memory'),
  process: ({ runId }) => runId,
};

export interface NamedTwin {
  readonly name: string;
  readonly run: Twin;
  /** As its first line says: a memory that is full refuses it nothing. */
  readonly allowsOom: boolean;
}

const bySha = new Map(
  [...scripts.values()].flatMap(({ name, lua, sha }) => {
    const run = TWINS[name];
    return run ? [[sha, { name, run, allowsOom: lua.startsWith('#!lua flags=allow-oom') }] as const] : [];
  }),
);

/** @throws Error where libs/log has a script that has no twin yet. */
export function twinOf(sha: string): NamedTwin {
  const twin = bySha.get(sha);
  if (!twin) throw new Error(`the simulation has no twin of the script ${sha}`);
  return twin;
}
