import { script } from '../script.ts';
import { LAST_ID, RUN_ID, TIP } from './shared.lua.ts';

/**
 * The only way into the log. KEYS: log, tip. ARGV: epoch, term, offset of the last entry, crc up to it, crc after
 * this batch, inbox id the batch ends on, then topic, payload, topic, payload …
 *
 * Answers `OK` and the new last offset, or `FENCED`, why, expected, got; then nothing was written.
 */
export const append = script(
  'append',
  `${TIP}${RUN_ID}${LAST_ID}
local tip = read_tip(KEYS[2])
-- check: tip
if tip == nil then return fenced('tip', 'a tip', 'none') end
-- end
-- check: epoch
if tip.epoch ~= ARGV[1] then return fenced('epoch', ARGV[1], tip.epoch) end
-- end
-- check: term
if tip.term ~= ARGV[2] then return fenced('term', ARGV[2], tip.term) end
-- end
-- check: offset
if tip.offset ~= ARGV[3] then return fenced('offset', ARGV[3], tip.offset) end
-- end
-- check: crc
if tip.crc ~= ARGV[4] then return fenced('crc', ARGV[4], tip.crc) end
-- end
-- check: last-id
local last = last_id(KEYS[1])
if last ~= ARGV[1] .. '-' .. ARGV[3] then return fenced('last-id', ARGV[1] .. '-' .. ARGV[3], last) end
-- end
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
