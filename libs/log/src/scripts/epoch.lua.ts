import { script } from '../script.ts';
import { LAST_ID, RUN_ID, TIP } from './shared.lua.ts';

/**
 * Opens a new timeline where continuity cannot be proven, together with the snapshot that its first recovery needs.
 * KEYS: log, tip, snapshot. ARGV: expected term and epoch ('' where there must be no tip), writer, reason, inbox id,
 * logic version, engine state, a step, the writer's clock in ms.
 *
 * The epoch is the clock, Redis' or the writer's, whichever is later; where both are behind, the last epoch and the
 * step. Its offset 0 says what Redis really held before. Answers `OK` and the epoch, or `FENCED`.
 */
export const openEpoch = script(
  'epoch',
  `${TIP}${RUN_ID}${LAST_ID}
local tip = read_tip(KEYS[2])
local term = tip and tip.term or ''
-- check: term
if term ~= ARGV[1] then return fenced('term', ARGV[1], term) end
-- end
-- check: writer
if tip and tip.writer ~= ARGV[3] then return fenced('writer', ARGV[3], tip.writer) end
-- end
-- check: epoch
local epoch_before = tip and tip.epoch or ''
if epoch_before ~= ARGV[2] then return fenced('epoch', ARGV[2], epoch_before) end
-- end
local last = last_id(KEYS[1])
-- Without a tip nobody can say which of the log's entries the coming state has seen: nothing is continued.
local held = tip ~= nil and last ~= '0-0'
local before = math.max(tip and tonumber(tip.epoch) or 0, tonumber(string.match(last, '^(%d+)')))
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
-- Clocks of Redis differ from process to process; the writer's own goes on through a failover.
now = math.max(now, tonumber(ARGV[9] or '0'))
-- With both behind, a fixed step would name an epoch twice, should the first one be lost: so the writer draws it.
local epoch = string.format('%.0f', now > before and now or before + tonumber(ARGV[8] or '1'))
local previous = held and ('"' .. last .. '"') or 'null'
redis.call('XADD', KEYS[1], epoch .. '-0', 'epoch',
  '{"type":"epoch","epoch":' .. epoch .. ',"previous_tail":' .. previous .. ',"reason":"' .. ARGV[4] .. '"}')
redis.call('HSET', KEYS[2], 'epoch', epoch, 'ordinal', tip and string.format('%.0f', tonumber(tip.ordinal) + 1) or '0',
  'offset', '0', 'inboxId', ARGV[5], 'term', tip and tip.term or '1', 'writer', ARGV[3], 'runId', run_id(),
  'crc', '0', 'logicVersion', ARGV[6])
redis.call('HDEL', KEYS[3], 'previous.cursor', 'previous.inboxId', 'previous.logicVersion', 'previous.state')
redis.call('HSET', KEYS[3], 'newest.cursor', epoch .. '-0', 'newest.inboxId', ARGV[5],
  'newest.logicVersion', ARGV[6], 'newest.state', ARGV[7])
return { 'OK', epoch }
`,
);
