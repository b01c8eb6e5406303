/**
 * Lua that several scripts begin with. Each `-- check: <name>` … `-- end` block is one refusal; the tests remove them
 * one by one and show that each is needed.
 */

/** `tip`: the tip as a table, or nil; and what refuses a call, naming why. */
export const TIP = `
local function read_tip(key)
  local flat = redis.call('HGETALL', key)
  if #flat == 0 then return nil end
  local t = {}
  for i = 1, #flat, 2 do t[flat[i]] = flat[i + 1] end
  return t
end
local function fenced(why, expected, got)
  return { 'FENCED', why, tostring(expected), tostring(got) }
end
`;

/** `run_id()` of the very process that executes the script: a promoted replica or a restarted server has another. */
export const RUN_ID = `
local function run_id()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
end
`;

/** `last_id(key)`: the stream's last-generated-id, '0-0' when there is no such stream. */
export const LAST_ID = `
local function last_id(key)
  if redis.call('EXISTS', key) == 0 then return '0-0' end
  local info = redis.call('XINFO', 'STREAM', key)
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then return info[i + 1] end
  end
end
`;

/**
 * The caller's position must be the tip's, and the log must end there. KEYS: log, tip. ARGV: epoch, term, offset, crc.
 * Needs {@link TIP} and {@link LAST_ID}.
 */
export const AT_TIP = `
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
`;
