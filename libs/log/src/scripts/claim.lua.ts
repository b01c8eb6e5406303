import { script } from '../script.ts';
import { LAST_ID, RUN_ID, TIP } from './shared.lua.ts';

/**
 * A takeover: a new term, so that whoever wrote before is refused from now on. KEYS: log, tip. ARGV: writer.
 *
 * Answers the actual run id, the log's last id, then the tip (after the claim) as a flat list; no tip, no claim.
 */
export const claim = script(
  'claim',
  // Only who has claimed can trim: so a claim must be possible while memory is full. It makes nothing longer.
  `#!lua flags=allow-oom
${TIP}${RUN_ID}${LAST_ID}
if redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('HINCRBY', KEYS[2], 'term', 1)
  redis.call('HSET', KEYS[2], 'writer', ARGV[1])
end
return { run_id(), last_id(KEYS[1]), redis.call('HGETALL', KEYS[2]) }
`,
);
