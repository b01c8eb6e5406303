import { script } from '../script.ts';
import { RUN_ID } from './shared.lua.ts';

/**
 * Inputs into the inbox, all of a batch or none. KEYS: inbox. ARGV: length at which the inbox is full, run id of the
 * Redis process that the producer knows, then topic, payload, topic, payload …
 *
 * Answers `OK` and the last id; `FULL` and why: nobody is reading, or 80 % of Redis' memory is in use; or
 * `REPLACED` and the actual run id: another process may have lost what the one before it acknowledged, and that must
 * come first, since the engine drops a lost input once it has seen a later one of the same source.
 */
export const produce = script(
  'produce',
  `${RUN_ID}
local here = run_id()
if ARGV[2] ~= here then return { 'REPLACED', here } end
local length = redis.call('XLEN', KEYS[1])
if length >= tonumber(ARGV[1]) then return { 'FULL', length .. ' inputs nobody has read' } end
-- The rest is for whoever empties the inbox: an engine that could not append could never let go of what it has read.
local memory = redis.call('INFO', 'memory')
local used, most = tonumber(string.match(memory, 'used_memory:(%d+)')), tonumber(string.match(memory, 'maxmemory:(%d+)'))
if most > 0 and used > most * 0.8 then return { 'FULL', 'Redis uses ' .. used .. ' of its ' .. most .. ' bytes' } end
local id
for i = 3, #ARGV, 2 do id = redis.call('XADD', KEYS[1], '*', ARGV[i], ARGV[i + 1]) end
return { 'OK', id }
`,
);
