import { script } from '../script.ts';
import { AT_TIP, LAST_ID, RUN_ID, TIP } from './shared.lua.ts';

/**
 * The living writer goes on in its epoch on another Redis process (a restart, a failover), though that may have lost
 * the last seconds. KEYS: log, tip, snapshot. ARGV: epoch, term, offset and crc where the log ends here, writer, crc
 * where it is to end, logic version, engine state there, then topic, payload, topic, payload … of all between: what
 * was appended once gets the same ids and bytes again.
 *
 * The state is stored with it, since no recovery could repeat it: inputs are lost, and come again in another order.
 * For the same reason the snapshot before loses its state. It keeps its cursor, where the books and accounts stand
 * that a late reader begins from, so that the log is not trimmed past them.
 *
 * The inbox is to be read again from where that snapshot was: everything up to there is in this inbox, and what
 * producers have sent again since may stand at lower ids than those the lost inputs had (a clock that is behind).
 *
 * All or nothing: what could refuse a write (a key of another type, a log that ends elsewhere) is read before the
 * first one, and memory that is full refuses that first one: Redis takes note of it when a script begins, and each
 * write here but the last is of the kind that it refuses then.
 *
 * Answers `OK`, the input to read from and the run id; or `FENCED`, why, expected, got.
 */
export const repair = script(
  'repair',
  `${TIP}${RUN_ID}${LAST_ID}${AT_TIP}
-- check: writer
if tip.writer ~= ARGV[5] then return fenced('writer', ARGV[5], tip.writer) end
-- end
local stored = redis.call('HMGET', KEYS[3], 'newest.cursor', 'newest.inboxId', 'newest.logicVersion',
  'previous.cursor', 'previous.state')
-- check: snapshot
if not stored[1] then return fenced('snapshot', 'a snapshot', 'none') end
-- end
local run, call, key, id = run_id(), redis.call, KEYS[1], ARGV[1] .. '-*'
for i = 9, #ARGV, 2 do call('XADD', key, id, ARGV[i], ARGV[i + 1]) end
local offset = string.format('%.0f', tonumber(ARGV[3]) + (#ARGV - 8) / 2)
redis.call('HSET', KEYS[2], 'offset', offset, 'crc', ARGV[6], 'inboxId', stored[2], 'runId', run,
  'logicVersion', ARGV[7])
local cursor = ARGV[1] .. '-' .. offset
redis.call('HSET', KEYS[3], 'newest.cursor', cursor, 'newest.logicVersion', ARGV[7], 'newest.state', ARGV[8])
-- A cursor without a state is that of a repair before this one: the books still stand there.
if stored[1] ~= cursor and (stored[5] or not stored[4]) then
  redis.call('HSET', KEYS[3], 'previous.cursor', stored[1], 'previous.inboxId', stored[2],
    'previous.logicVersion', stored[3])
  redis.call('HDEL', KEYS[3], 'previous.state')
end
return { 'OK', stored[2], run }
`,
);
