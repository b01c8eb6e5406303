import type { Reply } from './reply.ts';
import { fenced, readTip, type ScriptRun } from './script-run.ts';

export function snapshot(run: ScriptRun): Reply {
  const { call, keys, args, runId, checks } = run;
  const [snapshotKey = '', tipKey = '', inbox = '', ...bookKeys] = keys;
  const [epoch = '', term, offset = '', inboxId = '', logicVersion = '', state = '', symbols = '', unsynced = ''] =
    args;
  const tip = readTip(run, tipKey);
  if (checks('tip') && !tip) return fenced('tip', 'a tip', 'none');
  if (checks('term') && tip?.term !== term) return fenced('term', term, tip?.term);
  if (checks('epoch') && tip?.epoch !== epoch) return fenced('epoch', epoch, tip?.epoch);
  if (checks('run-id') && tip?.runId !== runId) return fenced('run-id', tip?.runId, runId);
  if (checks('beyond') && Number(offset) > Number(tip?.offset)) {
    return ['REFUSED', 'beyond the tip', offset, tip?.offset ?? ''];
  }
  const cursor = `${epoch}-${offset}`;
  const fields = ['newest.cursor', 'newest.inboxId', 'newest.logicVersion', 'newest.state'];
  const stored = call('HMGET', snapshotKey, ...fields) as (string | null)[];
  const [cursorStored, inboxIdStored, versionStored, stateStored] = stored;
  if (cursorStored !== cursor || versionStored !== logicVersion) {
    if (cursorStored && cursorStored !== cursor) {
      const [epochStored = '', offsetStored = ''] = cursorStored.split('-');
      const isOlderEpoch = Number(epochStored) > Number(epoch);
      const isBehind = isOlderEpoch || (epochStored === epoch && Number(offsetStored) > Number(offset));
      if (checks('behind') && isBehind) return ['REFUSED', 'behind the stored one', cursor, cursorStored];
      call(
        'HSET',
        snapshotKey,
        ...['previous.cursor', cursorStored, 'previous.inboxId', inboxIdStored ?? ''],
        ...['previous.logicVersion', versionStored ?? '', 'previous.state', stateStored ?? ''],
      );
    }
    const newest = ['newest.cursor', cursor, 'newest.inboxId', inboxId, 'newest.logicVersion', logicVersion];
    call('HSET', snapshotKey, ...newest, 'newest.state', state);
  }
  call('HSET', snapshotKey, 'symbols', symbols, 'unsynced', unsynced);
  call('HSET', tipKey, 'logicVersion', logicVersion);
  for (const [i, key] of bookKeys.entries()) call('SET', key, args[8 + i] ?? '');
  const keep = call('HGET', snapshotKey, 'previous.inboxId') ?? inboxIdStored;
  if (typeof keep === 'string') call('XTRIM', inbox, 'MINID', keep);
  return ['OK', cursor];
}

export function trim(run: ScriptRun): Reply {
  const { call, keys, args, checks } = run;
  const [log = '', tipKey = '', snapshotKey = ''] = keys;
  const tip = readTip(run, tipKey);
  if (checks('term') && tip?.term !== args[0]) return fenced('term', args[0], tip?.term ?? 'none');
  let keep = Number(args[1]);
  if (checks('snapshot')) {
    const oldest = call('HGET', snapshotKey, 'previous.cursor') ?? call('HGET', snapshotKey, 'newest.cursor');
    if (typeof oldest !== 'string') return ['OK', 0];
    const [epoch, offset] = oldest.split('-');
    if (epoch !== tip?.epoch) return ['OK', 0];
    keep = Math.max(keep, Number(tip?.offset) - Number(offset) + 1);
  }
  return ['OK', call('XTRIM', log, 'MAXLEN', '~', keep, 'LIMIT', 0)];
}
