import { script } from '../script.ts';
import { LAST_ID, RUN_ID, TIP } from './shared.lua.ts';

/**
 * A takeover: a new term, so that whoever wrote before is refused from now on. KEYS: log, tip. ARGV: writer.
 *
 * Answers the actual run id, the log's last id, then the tip (after the claim) as a flat list; no tip, no claim.
 */
export const claim = script(
  'claim',
  `${TIP}${RUN_ID}${LAST_ID}
if redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('HINCRBY', KEYS[2], 'term', 1)
  redis.call('HSET', KEYS[2], 'writer', ARGV[1])
end
return { run_id(), last_id(KEYS[1]), redis.call('HGETALL', KEYS[2]) }
`,
);

/**
 * The living writer goes on in its epoch on another Redis process (a restart, a failover that lost nothing).
 * KEYS: log, tip. ARGV: epoch, term, offset, crc, writer: all of what it holds in memory must be what the tip says.
 */
export const adopt = script(
  'adopt',
  `${TIP}${RUN_ID}${LAST_ID}
local tip = read_tip(KEYS[2])
if tip == nil then return fenced('tip', 'a tip', 'none') end
local names = { 'epoch', 'term', 'offset', 'crc', 'writer' }
for i = 1, #names do
  if tip[names[i]] ~= ARGV[i] then return fenced(names[i], ARGV[i], tip[names[i]]) end
end
local last = last_id(KEYS[1])
if last ~= ARGV[1] .. '-' .. ARGV[3] then return fenced('last-id', ARGV[1] .. '-' .. ARGV[3], last) end
redis.call('HSET', KEYS[2], 'runId', run_id())
return { 'OK', tip.offset }
`,
);
