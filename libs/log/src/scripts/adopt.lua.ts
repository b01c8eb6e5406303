import { script } from '../script.ts';
import { LAST_ID, RUN_ID, TIP } from './shared.lua.ts';

/**
 * The living writer goes on in its epoch on another Redis process (a restart, a failover that lost nothing).
 * KEYS: log, tip, inbox. ARGV: epoch, term, offset, crc, writer, newest input that it has applied: all of what it
 * holds in memory must be what Redis holds, or the next recovery could not repeat it.
 *
 * Answers `OK` and the offset, or `FENCED`.
 */
export const adopt = script(
  'adopt',
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
-- check: writer
if tip.writer ~= ARGV[5] then return fenced('writer', ARGV[5], tip.writer) end
-- end
-- check: last-id
local last = last_id(KEYS[1])
if last ~= ARGV[1] .. '-' .. ARGV[3] then return fenced('last-id', ARGV[1] .. '-' .. ARGV[3], last) end
-- end
-- check: input
if ARGV[6] ~= '0-0' and #redis.call('XRANGE', KEYS[3], ARGV[6], ARGV[6]) == 0 then
  return fenced('input', ARGV[6], 'an inbox without it')
end
-- end
redis.call('HSET', KEYS[2], 'runId', run_id())
return { 'OK', tip.offset }
`,
);
