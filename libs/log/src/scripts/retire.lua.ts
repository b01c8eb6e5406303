import { script } from '../script.ts';
import { TIP } from './shared.lua.ts';

/**
 * What is durable elsewhere may go. KEYS: log, tip, snapshot, watermark. ARGV: the last durable cursor ('0-0': nothing
 * is yet, and nothing may go), how many of the newest entries stay for readers.
 *
 * Trims as `trim.lua` does no further than the older snapshot, and only while the durable cursor is of the epoch that
 * is being written: of any other nobody can say here how many entries readers still want. Then moves the watermark,
 * never back: a call that comes late must not take away what a later one has said. Only '0-0' does, since a journal
 * that begins has nothing; and so does any cursor where the watermark is beyond the tip, as Redis has lost that end.
 *
 * Answers `OK`, how many entries went, and the watermark.
 */
export const retire = script(
  'retire',
  // It is memory that is full which the trimming is for.
  `#!lua flags=allow-oom
${TIP}
local function parse(cursor)
  local epoch, offset = string.match(cursor or '', '^(%d+)-(%d+)$')
  return tonumber(epoch), tonumber(offset)
end
local function after(epoch, offset, epoch_b, offset_b)
  return epoch > epoch_b or (epoch == epoch_b and offset > offset_b)
end
local tip = read_tip(KEYS[2])
local epoch, offset = parse(ARGV[1])
local trimmed = 0
if tip and tonumber(tip.epoch) == epoch then
  local from = math.min(offset + 1, tonumber(tip.offset) - tonumber(ARGV[2]) + 1)
  -- check: snapshot
  local oldest = redis.call('HGET', KEYS[3], 'previous.cursor') or redis.call('HGET', KEYS[3], 'newest.cursor')
  local epoch_held, offset_held = parse(oldest)
  from = epoch_held == epoch and math.min(from, offset_held) or 0
  -- end
  if from > 0 then
    local id = tip.epoch .. '-' .. string.format('%.0f', from)
    trimmed = redis.call('XTRIM', KEYS[1], 'MINID', '~', id, 'LIMIT', 0)
  end
end
local watermark = redis.call('GET', KEYS[4])
local epoch_set, offset_set = parse(watermark)
local moves = true
-- check: back
if epoch_set and ARGV[1] ~= '0-0' then
  local lost = tip and after(epoch_set, offset_set, tonumber(tip.epoch), tonumber(tip.offset))
  moves = lost or after(epoch, offset, epoch_set, offset_set)
end
-- end
if moves then
  watermark = ARGV[1]
  redis.call('SET', KEYS[4], watermark)
end
return { 'OK', trimmed, watermark }
`,
);
