import { script } from '../script.ts';
import { RUN_ID, TIP } from './shared.lua.ts';

/**
 * Stores an engine snapshot and its books, keeps the one before, and trims the inbox behind the older of the two.
 * KEYS: snapshot, tip, inbox, then one book key a symbol. ARGV: epoch, term, offset, inbox id, logic version, state,
 * symbols and those of them that are not synced (JSON lists), then one book a symbol.
 *
 * Answers `OK` (also when this very cursor is stored already), `FENCED`, or `REFUSED` with why.
 */
export const snapshot = script(
  'snapshot',
  `${TIP}${RUN_ID}
local tip = read_tip(KEYS[2])
-- check: tip
if tip == nil then return fenced('tip', 'a tip', 'none') end
-- end
-- check: term
if tip.term ~= ARGV[2] then return fenced('term', ARGV[2], tip.term) end
-- end
-- check: epoch
if tip.epoch ~= ARGV[1] then return fenced('epoch', ARGV[1], tip.epoch) end
-- end
-- check: run-id
local run = run_id()
if tip.runId ~= run then return fenced('run-id', tip.runId, run) end
-- end
-- check: beyond
if tonumber(ARGV[3]) > tonumber(tip.offset) then return { 'REFUSED', 'beyond the tip', ARGV[3], tip.offset } end
-- end
local cursor = ARGV[1] .. '-' .. ARGV[3]
local stored = redis.call('HMGET', KEYS[1], 'newest.cursor', 'newest.inboxId', 'newest.logicVersion', 'newest.state')
-- At the very cursor of another version's snapshot ours takes its place: a replay from it is ours to answer for.
if stored[1] ~= cursor or stored[3] ~= ARGV[5] then
  if stored[1] and stored[1] ~= cursor then
    -- check: behind
    local epoch, offset = string.match(stored[1], '^(%d+)-(%d+)$')
    if tonumber(epoch) > tonumber(ARGV[1]) or (epoch == ARGV[1] and tonumber(offset) > tonumber(ARGV[3])) then
      return { 'REFUSED', 'behind the stored one', cursor, stored[1] }
    end
    -- end
    redis.call('HSET', KEYS[1], 'previous.cursor', stored[1], 'previous.inboxId', stored[2],
      'previous.logicVersion', stored[3], 'previous.state', stored[4])
  end
  redis.call('HSET', KEYS[1], 'newest.cursor', cursor, 'newest.inboxId', ARGV[4], 'newest.logicVersion', ARGV[5],
    'newest.state', ARGV[6])
end
-- An epoch begins with a stored state, and without what readers load.
redis.call('HSET', KEYS[1], 'symbols', ARGV[7], 'unsynced', ARGV[8])
-- From here on what the log holds is this version's own, and may be compared with a replay.
redis.call('HSET', KEYS[2], 'logicVersion', ARGV[5])
for i = 4, #KEYS do redis.call('SET', KEYS[i], ARGV[i + 5]) end
local keep = redis.call('HGET', KEYS[1], 'previous.inboxId') or stored[2]
if keep then redis.call('XTRIM', KEYS[3], 'MINID', keep) end
return { 'OK', cursor }
`,
);
