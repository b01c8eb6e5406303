import type { Reply } from './reply.ts';
import { fenced, lastId, readTip, refusalAtTip, type ScriptRun } from './script-run.ts';

export function append(run: ScriptRun): Reply {
  const { call, keys, args, runId, checks } = run;
  const [log = '', tipKey = ''] = keys;
  const [epoch, , offset, , crcAfter = '', inboxId = '', ...entries] = args;
  const tip = readTip(run, tipKey);
  const refusal = refusalAtTip(run, tip);
  if (refusal) return refusal;
  if (checks('run-id') && tip?.runId !== runId) return fenced('run-id', tip?.runId, runId);
  if (checks('entries')) {
    for (let i = 0; i < entries.length; i += 2) call('XADD', log, `${epoch}-*`, ...entries.slice(i, i + 2));
  }
  const last = String(Number(offset) + entries.length / 2);
  call('HSET', tipKey, 'offset', last, 'crc', crcAfter, 'inboxId', inboxId);
  return ['OK', last];
}

export function claim(run: ScriptRun): Reply {
  const { call, keys, args, runId, checks } = run;
  const [log, tipKey = ''] = keys;
  if (call('EXISTS', tipKey) === 1 && checks('term')) {
    call('HINCRBY', tipKey, 'term', 1);
    call('HSET', tipKey, 'writer', args[0] ?? '');
  }
  const told = checks('run-id') ? runId : (readTip(run, tipKey)?.runId ?? runId);
  return [told, lastId(run, log), call('HGETALL', tipKey)];
}

export function openEpoch(run: ScriptRun): Reply {
  const { call, keys, args, runId, checks } = run;
  const [log = '', tipKey = '', snapshotKey = ''] = keys;
  const [termExpected, epochExpected, writer = '', reason, inboxId = '', logicVersion = '', state = ''] = args;
  const tip = readTip(run, tipKey);
  const term = tip?.term ?? '';
  if (checks('term') && term !== termExpected) return fenced('term', termExpected, term);
  if (checks('writer') && tip && tip.writer !== writer) return fenced('writer', writer, tip.writer);
  const epochBefore = tip?.epoch ?? '';
  if (checks('epoch') && epochBefore !== epochExpected) return fenced('epoch', epochExpected, epochBefore);
  const last = lastId(run, log);
  const held = tip !== undefined && last !== '0-0';
  const before = Math.max(Number(tip?.epoch ?? 0), Number.parseInt(last, 10));
  const [seconds, micros] = call('TIME') as string[];
  const now = Math.max(Number(seconds) * 1000 + Math.floor(Number(micros) / 1000), Number(args[8] ?? '0'));
  const epoch = String(now > before ? now : before + Number(args[7] ?? '1'));
  const previous = held ? `"${last}"` : 'null';
  const payload = `{"type":"epoch","epoch":${epoch},"previous_tail":${previous},"reason":"${reason}"}`;
  call('XADD', log, `${epoch}-0`, 'epoch', payload);
  call(
    'HSET',
    tipKey,
    ...['epoch', epoch, 'ordinal', tip ? String(Number(tip.ordinal) + 1) : '0', 'offset', '0', 'inboxId', inboxId],
    ...['term', tip?.term ?? '1', 'writer', writer, 'runId', runId, 'crc', '0', 'logicVersion', logicVersion],
  );
  call('HDEL', snapshotKey, ...['cursor', 'inboxId', 'logicVersion', 'state'].map((field) => `previous.${field}`));
  call(
    'HSET',
    snapshotKey,
    ...['newest.cursor', `${epoch}-0`, 'newest.inboxId', inboxId],
    ...['newest.logicVersion', logicVersion, 'newest.state', state],
  );
  return ['OK', epoch];
}

export function repair(run: ScriptRun): Reply {
  const { call, keys, args, runId, checks } = run;
  const [log = '', tipKey = '', snapshotKey = ''] = keys;
  const [epoch = '', , offset, , writer, crcAfter = '', logicVersion = '', state = '', ...entries] = args;
  const tip = readTip(run, tipKey);
  const refusal = refusalAtTip(run, tip);
  if (refusal) return refusal;
  if (checks('writer') && tip?.writer !== writer) return fenced('writer', writer, tip?.writer);
  const fields = ['newest.cursor', 'newest.inboxId', 'newest.logicVersion', 'previous.cursor', 'previous.state'];
  const stored = call('HMGET', snapshotKey, ...fields) as (string | null)[];
  const [cursorStored, inboxIdStored, versionStored, previousCursor, previousState] = stored;
  if (checks('snapshot') && !cursorStored) return fenced('snapshot', 'a snapshot', 'none');
  if (checks('entries')) {
    for (let i = 0; i < entries.length; i += 2) call('XADD', log, `${epoch}-*`, ...entries.slice(i, i + 2));
  }
  const last = String(Number(offset) + entries.length / 2);
  call(
    'HSET',
    tipKey,
    ...['offset', last, 'crc', crcAfter, 'inboxId', inboxIdStored ?? '', 'runId', runId, 'logicVersion', logicVersion],
  );
  const cursor = `${epoch}-${last}`;
  call('HSET', snapshotKey, 'newest.cursor', cursor, 'newest.logicVersion', logicVersion, 'newest.state', state);
  if (cursorStored !== cursor && (previousState !== null || previousCursor === null)) {
    call(
      'HSET',
      snapshotKey,
      ...['previous.cursor', cursorStored ?? '', 'previous.inboxId', inboxIdStored ?? ''],
      ...['previous.logicVersion', versionStored ?? ''],
    );
    call('HDEL', snapshotKey, 'previous.state');
  }
  return ['OK', inboxIdStored ?? '', runId];
}
