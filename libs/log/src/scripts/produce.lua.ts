import { script } from '../script.ts';

/**
 * Inputs into the inbox, all of a batch or none. KEYS: inbox. ARGV: length at which the inbox is full, then topic,
 * payload, topic, payload …
 *
 * Answers `OK` and the last id, or `FULL` and the length: nobody is reading, so memory is what must be saved.
 */
export const produce = script(
  'produce',
  `
local length = redis.call('XLEN', KEYS[1])
if length >= tonumber(ARGV[1]) then return { 'FULL', tostring(length) } end
local id
for i = 2, #ARGV, 2 do id = redis.call('XADD', KEYS[1], '*', ARGV[i], ARGV[i + 1]) end
return { 'OK', id }
`,
);
