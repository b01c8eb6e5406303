import { script } from '../script.ts';
import { TIP } from './shared.lua.ts';

/**
 * Bounds the log. KEYS: log, tip, snapshot, watermark. ARGV: term, the length to keep.
 *
 * Never trims past the older snapshot: a recovery compares its outputs with everything after it. Nor past the
 * watermark where there is one: what is beyond it is durable nowhere else. Answers `OK` and how many entries went, or
 * `FENCED`.
 */
export const trim = script(
  'trim',
  `${TIP}
local tip = read_tip(KEYS[2])
-- check: term
if tip == nil or tip.term ~= ARGV[1] then return fenced('term', ARGV[1], tip and tip.term or 'none') end
-- end
local oldest = redis.call('HGET', KEYS[3], 'previous.cursor') or redis.call('HGET', KEYS[3], 'newest.cursor')
local keep = tonumber(ARGV[2])
-- check: snapshot
if not oldest then return { 'OK', 0 } end
local epoch, offset = string.match(oldest, '^(%d+)-(%d+)$')
if epoch ~= tip.epoch then return { 'OK', 0 } end
keep = math.max(keep, tonumber(tip.offset) - tonumber(offset) + 1)
-- end
-- check: watermark
local watermark = redis.call('GET', KEYS[4])
if watermark then
  local epoch_durable, offset_durable = string.match(watermark, '^(%d+)-(%d+)$')
  if epoch_durable ~= tip.epoch then return { 'OK', 0 } end
  keep = math.max(keep, tonumber(tip.offset) - tonumber(offset_durable))
end
-- end
-- LIMIT 0: by default one call drops 10,000 entries at most, which a fast log outgrows.
return { 'OK', redis.call('XTRIM', KEYS[1], 'MAXLEN', '~', string.format('%.0f', keep), 'LIMIT', 0) }
`,
);
