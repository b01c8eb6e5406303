import { script } from '../script.ts';
import { AT_TIP, LAST_ID, RUN_ID, TIP } from './shared.lua.ts';

/**
 * The living writer goes on in its epoch on another Redis process (a restart, a failover that lost nothing).
 * KEYS: log, tip, inbox. ARGV: epoch, term, offset, crc, writer, newest input that it has applied: all of what it
 * holds in memory must be what Redis holds, or the next recovery could not repeat it.
 *
 * Answers `OK` and the offset, or `FENCED`.
 */
export const adopt = script(
  'adopt',
  `${TIP}${RUN_ID}${LAST_ID}${AT_TIP}
-- check: writer
if tip.writer ~= ARGV[5] then return fenced('writer', ARGV[5], tip.writer) end
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
