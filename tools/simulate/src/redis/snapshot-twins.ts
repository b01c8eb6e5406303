import { compareCursors, tryParseCursor } from '@depthcast/protocol';
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
  const [log = '', tipKey = '', snapshotKey = '', watermarkKey = ''] = keys;
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
  const watermark = checks('watermark') ? call('GET', watermarkKey) : null;
  if (typeof watermark === 'string') {
    const [epoch, offset] = watermark.split('-');
    if (epoch !== tip?.epoch) return ['OK', 0];
    keep = Math.max(keep, Number(tip?.offset) - Number(offset));
  }
  return ['OK', call('XTRIM', log, 'MAXLEN', '~', keep, 'LIMIT', 0)];
}

export function retire(run: ScriptRun): Reply {
  const { call, keys, args, checks } = run;
  const [log = '', tipKey = '', snapshotKey = '', watermarkKey = ''] = keys;
  const [durableText = '', keep] = args;
  const tip = readTip(run, tipKey);
  const durable = parseAt(durableText);
  let trimmed: Reply = 0;
  if (tip && Number(tip.epoch) === durable?.epoch) {
    let from = Math.min(durable.offset + 1, Number(tip.offset) - Number(keep) + 1);
    if (checks('snapshot')) {
      const oldest = call('HGET', snapshotKey, 'previous.cursor') ?? call('HGET', snapshotKey, 'newest.cursor');
      const held = parseAt(oldest);
      from = held?.epoch === durable.epoch ? Math.min(from, held.offset) : 0;
    }
    if (from > 0) trimmed = call('XTRIM', log, 'MINID', '~', `${tip.epoch}-${from}`, 'LIMIT', 0);
  }
  const set = call('GET', watermarkKey);
  const watermark = parseAt(set);
  if (checks('back') && watermark && durableText !== '0-0') {
    const isLost = tip && compareCursors(watermark, { epoch: Number(tip.epoch), offset: Number(tip.offset) }) > 0;
    if (!isLost && !(durable && compareCursors(durable, watermark) > 0)) return ['OK', trimmed, set];
  }
  call('SET', watermarkKey, durableText);
  return ['OK', trimmed, durableText];
}

const parseAt = (text: Reply) => (typeof text === 'string' ? tryParseCursor(text) : undefined);
