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
