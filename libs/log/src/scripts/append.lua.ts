import { script } from '../script.ts';
import { AT_TIP, LAST_ID, RUN_ID, TIP } from './shared.lua.ts';

/**
 * The only way into the log. KEYS: log, tip. ARGV: epoch, term, offset of the last entry, crc up to it, crc after
 * this batch, inbox id the batch ends on, then topic, payload, topic, payload …
 *
 * Answers `OK` and the new last offset, or `FENCED`, why, expected, got; then nothing was written.
 */
export const append = script(
  'append',
  `${TIP}${RUN_ID}${LAST_ID}${AT_TIP}
-- check: run-id
local run = run_id()
if tip.runId ~= run then return fenced('run-id', tip.runId, run) end
-- end
-- The last id is <epoch>-<offset>, so Redis' own next id in this epoch is ours: no string is built per entry.
local call, key, id = redis.call, KEYS[1], ARGV[1] .. '-*'
for i = 7, #ARGV, 2 do call('XADD', key, id, ARGV[i], ARGV[i + 1]) end
local text = string.format('%.0f', tonumber(ARGV[3]) + (#ARGV - 6) / 2)
redis.call('HSET', KEYS[2], 'offset', text, 'crc', ARGV[5], 'inboxId', ARGV[6])
return { 'OK', text }
`,
);
