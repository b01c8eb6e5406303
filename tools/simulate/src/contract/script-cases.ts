import { partitionKeys, type Script, scripts } from '@depthcast/log';
import { dump, type Observed, observe, type Session, say } from './session.ts';

type Argument = string | number;
type Case = (session: Session) => Promise<Observed>;

export const keys = partitionKeys();
export const HELD = [
  ...[keys.inbox, keys.log, keys.tip, keys.snapshot, keys.leader, keys.watermark],
  ...[keys.book('A'), keys.book('B')],
];

/** Beyond any clock, so that no epoch and no id of a case depends on when it runs. */
export const EPOCH = 90_000_000_000_000;

export function scriptOf(name: string): Script {
  const found = scripts.get(name);
  if (!found) throw new Error(`libs/log has no script ${name}`);
  return found;
}

/** By text, as nothing is known to a Redis that has just begun. */
export function run(session: Session, name: string, keyList: readonly string[], args: readonly Argument[]) {
  return observe(session, () => session.client.call('EVAL', [scriptOf(name).lua, keyList.length, ...keyList, ...args]));
}

/** A log of an epoch event and two more, a tip at its end, one snapshot at its beginning and an inbox of five. */
export async function begin(session: Session): Promise<void> {
  await say(session, 'XADD', keys.log, `${EPOCH}-0`, 'epoch', '{}');
  await say(session, 'XADD', keys.log, `${EPOCH}-1`, 'trade:A', '{"n":1}');
  await say(session, 'XADD', keys.log, `${EPOCH}-2`, 'trade:A', '{"n":2}');
  const tip = { epoch: EPOCH, ordinal: 3, offset: 2, inboxId: '2-0', term: 7, writer: 'w', crc: 77, logicVersion: '4' };
  await say(session, 'HSET', keys.tip, ...Object.entries(tip).flat(), 'runId', session.runId);
  const snapshot = { cursor: `${EPOCH}-0`, inboxId: '1-0', logicVersion: '4', state: 'state-0' };
  await say(session, 'HSET', keys.snapshot, ...Object.entries(snapshot).flatMap(([k, v]) => [`newest.${k}`, v]));
  for (let i = 1; i <= 5; i++) await say(session, 'XADD', keys.inbox, `${i}-0`, 'clock', `{"n":${i}}`);
}

/** One call upon {@link begin}, perhaps with something changed before; what it answers, and what is held then. */
function once(name: string, keyList: readonly string[], args: readonly Argument[], ...before: Argument[][]): Case {
  return async (session) => {
    await begin(session);
    for (const [command, ...rest] of before) await say(session, String(command), ...rest);
    return { reply: await run(session, name, keyList, args), held: await dump(session, HELD) };
  };
}

const appendKeys = [keys.log, keys.tip];
const entries = ['trade:A', '{"n":3}', 'trade:B', '{"n":4}'];
const append = (change: Record<number, Argument>, ...before: Argument[][]) =>
  once('append', appendKeys, Object.assign([EPOCH, 7, 2, 77, 99, '4-0', ...entries], change), ...before);

const repairKeys = [keys.log, keys.tip, keys.snapshot];
const repair = (change: Record<number, Argument>, ...before: Argument[][]) =>
  once('repair', repairKeys, Object.assign([EPOCH, 7, 2, 77, 'w', 99, '4', 'state-4', ...entries], change), ...before);

const snapshotKeys = [keys.snapshot, keys.tip, keys.inbox, keys.book('A'), keys.book('B')];
const snapshot = (change: Record<number, Argument>, ...before: Argument[][]) => {
  const args = [EPOCH, 7, 2, '3-0', '4', 'state-2', '["A","B"]', '["B"]', 'book A', 'book B'];
  return once('snapshot', snapshotKeys, Object.assign(args, change), ...before);
};

const epochKeys = [keys.log, keys.tip, keys.snapshot];
const epoch = (change: Record<number, Argument>, ...before: Argument[][]) =>
  once('epoch', epochKeys, Object.assign([7, EPOCH, 'w', 'why', '2-0', '4', 'state', 5], change), ...before);

const trimKeys = [keys.log, keys.tip, keys.snapshot, keys.watermark];
/** A log of 351 entries, which is three whole nodes and a rest, and a snapshot so near its end. */
const long = (name: string, args: readonly Argument[], snapshotOffset: number, ...before: Argument[][]): Case => {
  return async (session) => {
    await begin(session);
    const more = Array.from({ length: 348 }, (_, i) => ['trade:A', `{"n":${i}}`]).flat();
    await run(session, 'append', appendKeys, [EPOCH, 7, 2, 77, 99, '4-0', ...more]);
    await say(session, 'HSET', keys.snapshot, 'newest.cursor', `${EPOCH}-${snapshotOffset}`);
    for (const [command, ...rest] of before) await say(session, String(command), ...rest);
    const reply = await run(session, name, trimKeys, args);
    return { reply, length: await say(session, 'XLEN', keys.log), held: await dump(session, [keys.watermark]) };
  };
};
const produce = (change: (runId: string) => Argument[], ...before: Argument[][]): Case => {
  return async (session) => {
    await begin(session);
    await say(session, 'XADD', keys.inbox, `${EPOCH}-0`, 'clock', '{}');
    for (const [command, ...rest] of before) await say(session, String(command), ...rest);
    const reply = await run(session, 'produce', [keys.inbox], change(session.runId));
    return { reply, held: await dump(session, HELD) };
  };
};

const noTip = ['DEL', keys.tip];
const watermark = (offset: number, epoch = EPOCH) => ['SET', keys.watermark, `${epoch}-${offset}`];
const otherRun = ['HSET', keys.tip, 'runId', 'another'];
const beyond = ['XADD', keys.log, `${EPOCH}-9`, 'by', 'hand'];
const previous = ['HSET', keys.snapshot, 'previous.cursor', `${EPOCH}-0`, 'previous.inboxId', '0-0'];

export const scriptCases: Readonly<Record<string, Readonly<Record<string, Case>>>> = {
  append: {
    'what continues the tip': append({}),
    'nothing at all': once('append', appendKeys, [EPOCH, 7, 2, 77, 77, '4-0']),
    'another epoch': append({ 0: EPOCH + 1 }),
    'an older term': append({ 1: 6 }),
    'an older offset': append({ 2: 1 }),
    'another log of that length': append({ 3: 78 }),
    'no tip': append({}, noTip),
    'a log that goes on beyond the tip': append({}, beyond),
    'a log that is no more': append({}, ['DEL', keys.log]),
    'another process': append({}, otherRun),
    'a log that is no stream': append({}, ['DEL', keys.log], ['SET', keys.log, 'text']),
    'a waiting reader gets all of it at once': async (session) => {
      await begin(session);
      const client = session.connect();
      const read = client.xread('COUNT', 9, 'BLOCK', 5_000, 'STREAMS', keys.log, `${EPOCH}-2`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      await run(session, 'append', appendKeys, [EPOCH, 7, 2, 77, 99, '4-0', ...entries]);
      const got = await read;
      client.disconnect();
      return got;
    },
    'a full memory: nothing of it': async (session) => {
      await begin(session);
      await session.limitMemory(1);
      const reply = await run(session, 'append', appendKeys, [EPOCH, 7, 2, 77, 99, '4-0', ...entries]);
      await session.limitMemory(0);
      return [reply, await dump(session, HELD)];
    },
  },
  repair: {
    'what is missing after the tip': repair({}),
    'nothing is missing': once('repair', repairKeys, [EPOCH, 7, 2, 77, 'w', 77, '4', 'state-2']),
    'on another process': repair({}, otherRun),
    'twice: the books of the first stay findable': repair({}, previous),
    'after a snapshot before it': repair({}, previous, ['HSET', keys.snapshot, 'previous.state', 'older']),
    'another epoch': repair({ 0: EPOCH + 1 }),
    'an older term': repair({ 1: 6 }),
    'an older offset': repair({ 2: 1 }),
    'another log of that length': repair({ 3: 78 }),
    'a tip of somebody else': repair({ 4: 'w2' }),
    'no tip': repair({}, noTip),
    'a log that goes on beyond the tip': repair({}, beyond),
    'no snapshot': repair({}, ['DEL', keys.snapshot]),
    'a full memory: nothing of it': async (session) => {
      await begin(session);
      await session.limitMemory(1);
      const args = [EPOCH, 7, 2, 77, 'w', 99, '4', 'state-4', ...entries];
      const reply = await run(session, 'repair', repairKeys, args);
      await session.limitMemory(0);
      return [reply, await dump(session, HELD)];
    },
  },
  claim: {
    'a tip': once('claim', appendKeys, ['w2']),
    'a tip of another process': once('claim', appendKeys, ['w2'], otherRun),
    'no tip': once('claim', appendKeys, ['w2'], noTip),
    nothing: once('claim', appendKeys, ['w2'], noTip, ['DEL', keys.log]),
  },
  epoch: {
    'after another': epoch({}),
    'after a log that goes on beyond its tip': epoch({}, beyond),
    'the previous snapshot goes': epoch({}, previous),
    'an older term': epoch({ 0: 6 }),
    'a tip of somebody else': epoch({ 2: 'w2' }),
    "the writer's clock is later": epoch({ 8: EPOCH + 1_000_000 }),
    'another epoch': epoch({ 1: EPOCH - 1 }),
    'a log without a tip continues nothing': epoch({ 0: '', 1: '' }, noTip),
    'the first of all begins with the clock': async (session) => {
      const reply = await run(session, 'epoch', epochKeys, ['', '', 'w', 'start', '0-0', '4', 'state']);
      const [outcome, opened] = reply as [string, string];
      const held = JSON.stringify(await dump(session, HELD)).replaceAll(opened, '<epoch>');
      return [outcome, Math.abs(Number(opened) - Date.now()) < 5_000, held];
    },
  },
  snapshot: {
    'the second': snapshot({}),
    'the third, which lets go of the inbox behind the second': snapshot(
      { 3: '4-0' },
      ['HSET', keys.snapshot, 'newest.cursor', `${EPOCH}-1`, 'newest.inboxId', '3-0'],
      [...previous, 'previous.state', 'older'],
    ),
    'the first': snapshot({}, ['DEL', keys.snapshot]),
    'the same again': snapshot({ 2: 0 }),
    'the same place by another version': snapshot({ 2: 0, 4: '5' }),
    'an older term': snapshot({ 1: 6 }),
    'another epoch': snapshot({ 0: EPOCH + 1 }),
    'beyond the tip': snapshot({ 2: 3 }),
    'behind the stored one': snapshot({ 2: 1 }, ['HSET', keys.snapshot, 'newest.cursor', `${EPOCH}-2`]),
    'behind one of a later epoch': snapshot({}, ['HSET', keys.snapshot, 'newest.cursor', `${EPOCH + 1}-0`]),
    'no tip': snapshot({}, noTip),
    'another process': snapshot({}, otherRun),
  },
  trim: {
    'not past the only snapshot': once('trim', trimKeys, [7, 0]),
    'not past the older snapshot': once('trim', trimKeys, [7, 0], previous),
    'without a snapshot, nothing': once('trim', trimKeys, [7, 0], ['DEL', keys.snapshot]),
    'with a snapshot of another epoch, nothing': once(
      'trim',
      trimKeys,
      [7, 0],
      ['HSET', keys.snapshot, 'newest.cursor', `${EPOCH - 1}-0`],
    ),
    'an older term': once('trim', trimKeys, [6, 0]),
    'no tip': once('trim', trimKeys, [7, 0], noTip),
    'whole nodes': long('trim', [7, 10], 240),
    'not past the watermark': long('trim', [7, 10], 340, watermark(150)),
    'past nothing that is beyond the watermark': long('trim', [7, 10], 340, ['SET', keys.watermark, '0-0']),
    'not past the watermark of another epoch': long('trim', [7, 10], 340, watermark(150, EPOCH - 1)),
    'past a watermark at the end': long('trim', [7, 10], 340, watermark(350)),
  },
  retire: {
    'what is durable': long('retire', [`${EPOCH}-250`, 0], 340),
    'but for what readers want': long('retire', [`${EPOCH}-250`, 220], 340),
    'but for what a recovery needs': long('retire', [`${EPOCH}-250`, 0], 140),
    'up to the end': long('retire', [`${EPOCH}-350`, 0], 350),
    'beyond the end': long('retire', [`${EPOCH}-360`, 0], 350),
    'nothing of it is': long('retire', ['0-0', 0], 340),
    'of an epoch before this one': long('retire', [`${EPOCH - 1}-250`, 0], 340),
    'of an epoch that is not there': long('retire', [`${EPOCH + 1}-250`, 0], 340),
    'no snapshot': long('retire', [`${EPOCH}-250`, 0], 340, ['DEL', keys.snapshot]),
    'a snapshot of another epoch': long('retire', [`${EPOCH}-250`, 0], 340, [
      'HSET',
      keys.snapshot,
      'newest.cursor',
      `${EPOCH - 1}-9`,
    ]),
    'no tip': long('retire', [`${EPOCH}-250`, 0], 340, noTip, watermark(9)),
    'the watermark moves on': long('retire', [`${EPOCH}-250`, 0], 340, watermark(249)),
    'the watermark never moves back': long('retire', [`${EPOCH}-250`, 0], 340, watermark(251)),
    'but for a journal that begins': long('retire', ['0-0', 0], 340, watermark(251)),
    'and but for a log that has lost its end': long('retire', [`${EPOCH}-250`, 0], 340, watermark(351)),
    'a watermark of a lost epoch': long('retire', [`${EPOCH}-250`, 0], 340, watermark(0, EPOCH + 1)),
    'a watermark that is none': long('retire', [`${EPOCH}-250`, 0], 340, ['SET', keys.watermark, 'x']),
    'a full memory': async (session) => {
      await begin(session);
      await session.limitMemory(1);
      const reply = await run(session, 'retire', trimKeys, [`${EPOCH}-1`, 0]);
      await session.limitMemory(0);
      return { reply, held: await dump(session, HELD) };
    },
  },
  produce: {
    'two inputs': produce((runId) => [10, runId, ...entries]),
    'nothing at all': produce((runId) => [10, runId]),
    'the first to this process': produce(() => [10, '', ...entries]),
    'to another process': produce(() => [10, 'another', ...entries]),
    'a full inbox': produce((runId) => [6, runId, ...entries]),
    'a memory that is used to 80 %': async (session) => {
      await begin(session);
      await session.limitMemory(1);
      const reply = await run(session, 'produce', [keys.inbox], [10, session.runId, ...entries]);
      await session.limitMemory(0);
      return [String(reply).replace(/\d+/g, 'n'), await dump(session, HELD)];
    },
  },
  take: {
    'takes what nobody holds': once('take', [keys.leader], ['me', 1_000, '']),
    'names who holds it': once('take', [keys.leader], ['me', 1_000, ''], ['SET', keys.leader, 'you']),
    'only looks': once('take', [keys.leader], ['me', 0, '']),
    'does not take the word of another process': once('take', [keys.leader], ['me', 1_000, 'another']),
    'takes it from the process that it knows': async (session) => {
      return [
        await run(session, 'take', [keys.leader], ['me', 1_000, session.runId]),
        await say(session, 'GET', keys.leader),
      ];
    },
  },
  hold: {
    'renews what is ours': async (session) => {
      await say(session, 'SET', keys.leader, 'me', 'PX', 10);
      const reply = await run(session, 'hold', [keys.leader], ['me', 1_000]);
      await new Promise((resolve) => setTimeout(resolve, 30));
      return [reply, await say(session, 'GET', keys.leader)];
    },
    'drops what is ours': once('hold', [keys.leader], ['me', 0], ['SET', keys.leader, 'me']),
    "leaves somebody else's alone": once('hold', [keys.leader], ['me', 0], ['SET', keys.leader, 'you']),
    'renews what ran out': once('hold', [keys.leader], ['me', 1_000]),
  },
  process: { 'names itself': async (session) => run(session, 'process', [keys.log], []) },
  memory: {
    'tells what is used': async (session) =>
      /\bused_memory:\d+/.test(String(await run(session, 'memory', [keys.log], []))),
  },
};

/** By digest, once the text has been sent, and not before. */
export const digestCases: Readonly<Record<string, Case>> = {
  'a script is unknown until its text has come': async (session) => {
    await begin(session);
    const { sha } = scriptOf('claim');
    const byDigest = () => observe(session, () => session.client.evalsha(sha, 2, keys.log, keys.tip, 'w2'));
    return [await byDigest(), await run(session, 'claim', appendKeys, ['w3']), await byDigest()];
  },
};
