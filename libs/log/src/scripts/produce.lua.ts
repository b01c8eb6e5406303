import { script } from '../script.ts';
import { RUN_ID } from './shared.lua.ts';

/**
 * Inputs into the inbox, all of a batch or none. KEYS: inbox. ARGV: length at which the inbox is full, run id of the
 * Redis process that the producer knows, then topic, payload, topic, payload …
 *
 * Answers `OK` and the last id; `FULL` and the length: nobody is reading, so memory is what must be saved; or
 * `REPLACED` and the actual run id: another process may have lost what the one before it acknowledged, and that must
 * come first, since the engine drops a lost input once it has seen a later one of the same source.
 */
export const produce = script(
  'produce',
  `${RUN_ID}
local here = run_id()
if ARGV[2] ~= here then return { 'REPLACED', here } end
local length = redis.call('XLEN', KEYS[1])
if length >= tonumber(ARGV[1]) then return { 'FULL', tostring(length) } end
local id
for i = 3, #ARGV, 2 do id = redis.call('XADD', KEYS[1], '*', ARGV[i], ARGV[i + 1]) end
return { 'OK', id }
`,
);
