import { startRedis, type TestRedis } from '@depthcast/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { connectRedis, type RedisClient } from './connect.ts';
import { partitionKeys } from './keys.ts';
import { readWatermark, retireLog } from './retire.ts';
import { type Script, script } from './script.ts';
import { append } from './scripts/append.lua.ts';
import { openEpoch } from './scripts/epoch.lua.ts';
import { repair } from './scripts/repair.lua.ts';
import { retire } from './scripts/retire.lua.ts';
import { snapshot } from './scripts/snapshot.lua.ts';
import { trim } from './scripts/trim.lua.ts';
import { readAccounts, readBooks } from './snapshots.ts';
import { LogWriter } from './writer.ts';

const keys = partitionKeys();

let redis: TestRedis;
let client: RedisClient;
let writer: LogWriter;

beforeAll(async () => {
  redis = await startRedis();
  client = connectRedis(redis.url);
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});
beforeEach(async () => {
  await client.flushall();
  writer = new LogWriter({ client, keys, writer: 'w1', logicVersion: '1' });
  await writer.claim();
  await writer.openEpoch('start', '0-0', 'state-0');
  await writer.append([{ topic: 'trade:BTCUSD', payload: '{"n":1}' }], '1-0');
});

/** The script with one named check cut out. */
function without(original: Script, check: string): Script {
  const cut = original.lua.replace(new RegExp(`-- check: ${check}\\n[\\s\\S]*?-- end\\n`), '');
  expect(cut).not.toBe(original.lua);
  return script(`${original.name} without ${check}`, cut);
}

async function run(lua: Script, keyList: string[], args: (string | number)[]): Promise<unknown[]> {
  try {
    return (await client.eval(lua.lua, keyList.length, ...keyList, ...args)) as unknown[];
  } catch (error) {
    return ['LUA ERROR', (error as Error).message];
  }
}

const appendKeys = [keys.log, keys.tip];
const appendArgs = (change: Partial<Record<'epoch' | 'term' | 'offset' | 'crc', string | number>> = {}) => {
  const { epoch, offset } = writer.cursor;
  const current = { epoch, term: 1, offset, crc: writer.crc, ...change };
  return [current.epoch, current.term, current.offset, current.crc, 77, '2-0', 'trade:BTCUSD', '{"n":2}'];
};

/** For each check: a state that this check alone refuses. */
const appendCases: Record<string, () => Promise<(string | number)[]>> = {
  tip: async () => {
    const args = appendArgs();
    await client.del(keys.tip);
    return args;
  },
  epoch: async () => {
    await client.hset(keys.tip, 'epoch', '5');
    return appendArgs();
  },
  term: async () => appendArgs({ term: 2 }),
  offset: async () => {
    await client.hset(keys.tip, 'offset', '9');
    return appendArgs();
  },
  crc: async () => appendArgs({ crc: 12345 }),
  'last-id': async () => {
    await client.xadd(keys.log, `${writer.cursor.epoch}-9`, 'by', 'hand');
    return appendArgs();
  },
  'run-id': async () => {
    await client.hset(keys.tip, 'runId', 'of-another-process');
    return appendArgs();
  },
};

describe('append.lua', () => {
  it('names its checks, and every one is tested here', () => {
    const checks = [...append.lua.matchAll(/-- check: (\S+)/g)].map((match) => match[1]);
    expect(checks.sort()).toEqual(Object.keys(appendCases).sort());
  });

  it('accepts what continues the tip', async () => {
    expect(await run(append, appendKeys, appendArgs())).toEqual(['OK', '2']);
  });

  for (const [check, prepare] of Object.entries(appendCases)) {
    it(`refuses by ${check}, and only because of that check`, async () => {
      const args = await prepare();
      const length = await client.xlen(keys.log);
      expect((await run(append, appendKeys, args)).slice(0, 2)).toEqual(['FENCED', check]);
      expect(await client.xlen(keys.log)).toBe(length);
      const [mutant] = await run(without(append, check), appendKeys, args);
      expect(mutant).toBe(check === 'tip' ? 'LUA ERROR' : 'OK');
    });
  }
});

const snapshotKeys = [keys.snapshot, keys.tip, keys.inbox];
const snapshotArgs = (change: Partial<Record<'epoch' | 'term' | 'offset', string | number>> = {}) => {
  const { epoch, offset } = writer.cursor;
  const current = { epoch, term: 1, offset, ...change };
  return [current.epoch, current.term, current.offset, '1-0', '1', 'state', '[]', '[]'];
};

const snapshotCases: Record<string, { prepare: () => Promise<(string | number)[]>; reply: string }> = {
  tip: {
    reply: 'FENCED',
    prepare: async () => {
      await client.del(keys.tip);
      return snapshotArgs();
    },
  },
  term: { reply: 'FENCED', prepare: async () => snapshotArgs({ term: 2 }) },
  epoch: {
    reply: 'FENCED',
    prepare: async () => {
      const args = snapshotArgs();
      await client.hset(keys.tip, 'epoch', writer.cursor.epoch + 1);
      return args;
    },
  },
  'run-id': {
    reply: 'FENCED',
    prepare: async () => {
      await client.hset(keys.tip, 'runId', 'of-another-process');
      return snapshotArgs();
    },
  },
  beyond: { reply: 'REFUSED', prepare: async () => snapshotArgs({ offset: 2 }) },
  behind: {
    reply: 'REFUSED',
    prepare: async () => {
      const args = snapshotArgs();
      await writer.append([{ topic: 'trade:BTCUSD', payload: '{"n":2}' }], '2-0');
      await writer.storeSnapshot({ inboxId: '2-0', state: 'newer', books: [] });
      return args;
    },
  },
};

const repairKeys = [keys.log, keys.tip, keys.snapshot];
const repairArgs = (
  change: Partial<Record<'epoch' | 'term' | 'offset' | 'crc' | 'writer', string | number>> = {},
  entries = ['trade:BTCUSD', '{"n":2}', 'trade:BTCUSD', '{"n":3}'],
) => {
  const { epoch, offset } = writer.cursor;
  const current = { epoch, term: 1, offset, crc: writer.crc, writer: 'w1', ...change };
  const head = [current.epoch, current.term, current.offset, current.crc, current.writer];
  return [...head, 77, '1', 'state-3', ...entries];
};
const repairCases: Record<string, () => Promise<(string | number)[]>> = {
  tip: async () => {
    const args = repairArgs();
    await client.del(keys.tip);
    return args;
  },
  epoch: async () => {
    await client.hset(keys.tip, 'epoch', '5');
    return repairArgs();
  },
  term: async () => repairArgs({ term: 2 }),
  offset: async () => {
    await client.hset(keys.tip, 'offset', '9');
    return repairArgs();
  },
  crc: async () => repairArgs({ crc: 12345 }),
  'last-id': async () => {
    await client.xadd(keys.log, `${writer.cursor.epoch}-9`, 'by', 'hand');
    return repairArgs();
  },
  writer: async () => repairArgs({ writer: 'w2' }),
  snapshot: async () => {
    await client.del(keys.snapshot);
    return repairArgs();
  },
};

describe('repair.lua', () => {
  const everything = async () => ({
    log: await client.xrange(keys.log, '-', '+'),
    tip: await client.hgetall(keys.tip),
    snapshot: await client.hgetall(keys.snapshot),
  });

  beforeEach(async () => {
    await client.hset(keys.tip, 'runId', 'of-another-process');
  });

  it('names its checks, and every one is tested here', () => {
    const checks = [...repair.lua.matchAll(/-- check: (\S+)/g)].map((match) => match[1]);
    expect(checks.sort()).toEqual(Object.keys(repairCases).sort());
  });

  for (const [check, prepare] of Object.entries(repairCases)) {
    it(`refuses by ${check}, writing nothing, and only because of that check`, async () => {
      const args = await prepare();
      const before = await everything();
      expect((await run(repair, repairKeys, args)).slice(0, 2)).toEqual(['FENCED', check]);
      expect(await everything()).toEqual(before);
      const [mutant] = await run(without(repair, check), repairKeys, args);
      expect(mutant).toBe(check === 'tip' || check === 'snapshot' ? 'LUA ERROR' : 'OK');
    });
  }

  it('appends what is missing, moves the tip to this process, and the writer goes on', async () => {
    const { epoch } = writer.cursor;
    const [outcome, inboxId, runId] = await run(repair, repairKeys, repairArgs());
    expect([outcome, inboxId]).toEqual(['OK', '0-0']);
    expect(await client.info('server')).toContain(`run_id:${runId}`);
    const { log, tip, snapshot: stored } = await everything();
    expect(log.slice(-2)).toEqual([
      [`${epoch}-2`, ['trade:BTCUSD', '{"n":2}']],
      [`${epoch}-3`, ['trade:BTCUSD', '{"n":3}']],
    ]);
    expect(tip).toMatchObject({ offset: '3', crc: '77', runId, inboxId: '0-0', term: '1', logicVersion: '1' });
    expect(stored).toMatchObject({ 'newest.cursor': `${epoch}-3`, 'newest.state': 'state-3', 'newest.inboxId': '0-0' });
    expect(await run(append, appendKeys, appendArgs({ offset: 3, crc: 77 }))).toEqual(['OK', '4']);
  });

  it('keeps the cursor of the snapshot before it, but not its state, and the books stay', async () => {
    await client.hset(keys.tip, 'runId', writer.runId);
    const book = { symbol: 'BTCUSD', state: '{}', isSynced: false };
    await writer.storeSnapshot({ inboxId: '1-0', state: 'state-1', books: [book], accounts: '{}' });
    const { epoch } = writer.cursor;
    const at1 = `${epoch}-1`;
    for (const entries of [['trade:BTCUSD', '{"n":2}'], []]) {
      const tip = await client.hgetall(keys.tip);
      const args = repairArgs({ offset: Number(tip.offset), crc: Number(tip.crc) }, entries);
      expect((await run(repair, repairKeys, args)).slice(0, 2)).toEqual(['OK', '1-0']);
      const { snapshot: stored } = await everything();
      expect(stored['previous.cursor']).toBe(at1);
      expect(stored['previous.inboxId']).toBe('1-0');
      expect(stored['previous.state']).toBeUndefined();
      expect(stored['newest.cursor']).toBe(`${epoch}-2`);
      expect(JSON.parse(stored.unsynced as string)).toEqual(['BTCUSD']);
    }
    // Another one, further on: the books still stand where they stood.
    const tip = await client.hgetall(keys.tip);
    await run(repair, repairKeys, repairArgs({ offset: Number(tip.offset), crc: Number(tip.crc) }));
    expect(await client.hmget(keys.snapshot, 'newest.cursor', 'previous.cursor')).toEqual([`${epoch}-4`, at1]);
    expect((await readBooks(client, keys))[0]?.cursor).toEqual({ epoch, offset: 1 });
    expect((await readAccounts(client, keys))?.cursor).toEqual({ epoch, offset: 1 });
  });

  it('where nothing was lost and the snapshot was at the tip, both snapshots stay readable', async () => {
    await client.hset(keys.tip, 'runId', writer.runId);
    await writer.storeSnapshot({ inboxId: '1-0', state: 'state-1', books: [] });
    expect((await run(repair, repairKeys, repairArgs({}, [])))[0]).toBe('OK');
    expect(await client.hmget(keys.snapshot, 'newest.state', 'previous.state')).toEqual(['state-3', 'state-0']);
  });

  it('writes all or nothing: a key of another type or a full memory refuses before the first write', async () => {
    const before = await everything();
    await client.del(keys.snapshot);
    await client.set(keys.snapshot, 'x');
    expect((await run(repair, repairKeys, repairArgs()))[0]).toBe('LUA ERROR');
    expect(await client.xrange(keys.log, '-', '+')).toEqual(before.log);
    await client.del(keys.snapshot);
    await client.hset(keys.snapshot, before.snapshot);

    await client.config('SET', 'maxmemory', 1);
    for (const entries of [undefined, []]) {
      const [, message] = await run(repair, repairKeys, repairArgs({}, entries));
      expect(message).toMatch(/^OOM/);
    }
    await client.config('SET', 'maxmemory', 0);
    expect(await everything()).toEqual(before);
    expect((await run(repair, repairKeys, repairArgs()))[0]).toBe('OK');
  });
});

describe('snapshot.lua', () => {
  it('names its checks, and every one is tested here', () => {
    const checks = [...snapshot.lua.matchAll(/-- check: (\S+)/g)].map((match) => match[1]);
    expect(checks.sort()).toEqual(Object.keys(snapshotCases).sort());
  });

  for (const [check, { prepare, reply }] of Object.entries(snapshotCases)) {
    it(`refuses by ${check}, and only because of that check`, async () => {
      const args = await prepare();
      const before = await client.hgetall(keys.snapshot);
      expect((await run(snapshot, snapshotKeys, args))[0]).toBe(reply);
      expect(await client.hgetall(keys.snapshot)).toEqual(before);
      const [mutant] = await run(without(snapshot, check), snapshotKeys, args);
      expect(mutant).toBe(check === 'tip' ? 'LUA ERROR' : 'OK');
    });
  }

  it('stores books and accounts at its cursor', async () => {
    expect(await readAccounts(client, keys)).toBeUndefined();
    const book = { symbol: 'BTCUSD', state: '{"a": 1}', isSynced: true };
    await writer.storeSnapshot({ inboxId: '1-0', state: 'a', books: [book], accounts: '{"alice": {}}' });
    const { cursor } = writer;
    expect(await readBooks(client, keys)).toEqual([{ symbol: 'BTCUSD', cursor, state: '{"a": 1}' }]);
    expect(await readAccounts(client, keys)).toEqual({ cursor, state: '{"alice": {}}' });
    await writer.append([{ topic: 'clock', payload: '{}' }], '3-0');
    await writer.storeSnapshot({ inboxId: '3-0', state: 'b', books: [book] });
    expect((await readBooks(client, keys))[0]?.cursor).toEqual(writer.cursor);
    expect(await readAccounts(client, keys)).toEqual({ cursor, state: '{"alice": {}}' });
  });

  it('keeps the last two, and the inbox from the older on', async () => {
    for (const id of ['1-0', '2-0', '3-0', '4-0']) await client.xadd(keys.inbox, id, 'clock', '{}');
    await writer.storeSnapshot({ inboxId: '2-0', state: 'a', books: [] });
    await writer.append([{ topic: 'clock', payload: '{}' }], '3-0');
    await writer.storeSnapshot({ inboxId: '3-0', state: 'b', books: [] });
    const inbox = await client.xrange(keys.inbox, '-', '+');
    expect(inbox.map(([id]) => id)).toEqual(['2-0', '3-0', '4-0']);
    expect(await client.hmget(keys.snapshot, 'newest.state', 'previous.state')).toEqual(['b', 'a']);
  });

  it('takes the same cursor twice without losing the one before', async () => {
    await writer.storeSnapshot({ inboxId: '1-0', state: 'a', books: [] });
    await writer.storeSnapshot({ inboxId: '1-0', state: 'a', books: [] });
    expect(await client.hmget(keys.snapshot, 'newest.state', 'previous.state')).toEqual(['a', 'state-0']);
  });

  it("takes the place of another version's at the same cursor, and says so in the tip", async () => {
    await writer.storeSnapshot({ inboxId: '1-0', state: 'a', books: [] });
    const next = new LogWriter({ client, keys, writer: 'w2', logicVersion: '2' });
    await next.claim();
    await next.storeSnapshot({ inboxId: '1-0', state: 'b', books: [] });
    expect(await client.hmget(keys.snapshot, 'newest.state', 'newest.logicVersion', 'previous.state')).toEqual([
      'b',
      '2',
      'state-0',
    ]);
    expect(await client.hget(keys.tip, 'logicVersion')).toBe('2');
  });
});

describe('claim.lua', () => {
  it('claims while memory is full: nobody else may trim', async () => {
    await client.config('SET', 'maxmemory', 1);
    try {
      const next = new LogWriter({ client, keys, writer: 'w2', logicVersion: '1' });
      expect((await next.claim()).tip).toMatchObject({ writer: 'w2', term: 2 });
      expect(await next.trim(1)).toBe(0);
    } finally {
      await client.config('SET', 'maxmemory', 0);
    }
  });
});

describe('epoch.lua', () => {
  const epochKeys = [keys.log, keys.tip, keys.snapshot];
  const epochArgs = (term: string, epoch: number, by = 'w1') => [term, epoch, by, 'start', '0-0', '1', '', 1];

  it('refuses a writer of an older term, and only because of that check', async () => {
    const args = epochArgs('7', writer.cursor.epoch);
    expect((await run(openEpoch, epochKeys, args)).slice(0, 2)).toEqual(['FENCED', 'term']);
    expect((await run(without(openEpoch, 'term'), epochKeys, args))[0]).toBe('OK');
  });

  it('refuses whoever claimed the same term on a Redis that has lost it, and only because of that check', async () => {
    const args = epochArgs('1', writer.cursor.epoch, 'w0');
    expect((await run(openEpoch, epochKeys, args)).slice(0, 2)).toEqual(['FENCED', 'writer']);
    expect((await run(without(openEpoch, 'writer'), epochKeys, args))[0]).toBe('OK');
  });

  it('refuses a call that comes late, after the epoch has been opened, and only because of that check', async () => {
    const args = epochArgs('1', writer.cursor.epoch - 1);
    expect((await run(openEpoch, epochKeys, args)).slice(0, 2)).toEqual(['FENCED', 'epoch']);
    expect((await run(without(openEpoch, 'epoch'), epochKeys, args))[0]).toBe('OK');
  });

  it('opens after the last epoch even when the clock of Redis is behind it', async () => {
    const ahead = Date.now() + 10 * 365 * 86_400_000;
    await client.del(keys.log);
    await client.xadd(keys.log, `${ahead}-3`, 'trade:BTCUSD', '{}');
    await client.hset(keys.tip, 'epoch', ahead);
    const next = new LogWriter({ client, keys, writer: 'w2', logicVersion: '1' });
    await next.claim();
    const cursor = await next.openEpoch('log_replaced', '1-0', 's');
    // By how much is drawn: two openings, of which one was lost, must not take the same.
    expect(cursor.offset).toBe(0);
    expect(cursor.epoch).toBeGreaterThan(ahead);
    expect(cursor.epoch).toBeLessThanOrEqual(ahead + 100_000);
    const [[, fields]] = (await client.xrevrange(keys.log, '+', '-', 'COUNT', 1)) as [[string, string[]]];
    expect(JSON.parse(fields[1] as string)).toEqual({
      type: 'epoch',
      epoch: cursor.epoch,
      previous_tail: `${ahead}-3`,
      reason: 'log_replaced',
    });
  });
});

const trimKeys = [keys.log, keys.tip, keys.snapshot, keys.watermark];
const fill = async (appends: number) => {
  for (let i = 0; i < appends; i++) {
    await writer.append(
      Array.from({ length: 1000 }, (_, n) => ({ topic: 'trade:BTCUSD', payload: `{"n":${n}}` })),
      `${i + 2}-0`,
    );
  }
};
const firstOffset = async () => {
  const [first] = await client.xrange(keys.log, '-', '+', 'COUNT', 1);
  return Number(first?.[0].split('-')[1]);
};
/** So that the snapshots hold nothing back. */
const storeTwoSnapshots = async () => {
  await writer.storeSnapshot({ inboxId: '20-0', state: 'a', books: [] });
  await writer.append([{ topic: 'clock', payload: '{}' }], '21-0');
  await writer.storeSnapshot({ inboxId: '21-0', state: 'b', books: [] });
};
const at = (offset: number) => ({ epoch: writer.cursor.epoch, offset });

describe('trim.lua', () => {
  it('names its checks, and every one is tested here', () => {
    const checks = [...trim.lua.matchAll(/-- check: (\S+)/g)].map((match) => match[1]);
    expect(checks).toEqual(['term', 'snapshot', 'watermark']);
  });

  it('refuses a writer of an older term, and only because of that check', async () => {
    expect((await run(trim, trimKeys, ['9', 1])).slice(0, 2)).toEqual(['FENCED', 'term']);
    expect((await run(without(trim, 'term'), trimKeys, ['9', 1]))[0]).toBe('OK');
  });

  it('drops any number of entries in one call', async () => {
    await fill(15);
    await storeTwoSnapshots();
    expect(await writer.trim(1)).toBeGreaterThan(14_000);
  });

  it('never passes the older snapshot, and only because of that check', async () => {
    await fill(3);
    await writer.storeSnapshot({ inboxId: '4-0', state: 'a', books: [] });
    const held = writer.cursor.offset;
    await fill(2);
    await writer.storeSnapshot({ inboxId: '6-0', state: 'b', books: [] });
    await fill(1);
    await writer.trim(1);
    expect(await firstOffset()).toBeLessThanOrEqual(held);
    expect(await firstOffset()).toBeGreaterThan(0);
    await run(without(trim, 'snapshot'), trimKeys, ['1', 1]);
    expect(await firstOffset()).toBeGreaterThan(held);
  });

  it.each([
    ['that nothing has reached yet', () => undefined, 1],
    ['of an epoch before this one', () => ({ epoch: 5, offset: 5_000 }), 1],
    ['in the midst', () => at(2_500), 2_501],
  ])('never passes a watermark %s, and only because of that check', async (_, watermark, firstMax) => {
    await fill(5);
    await storeTwoSnapshots();
    await retireLog(client, keys, watermark(), 1e9);
    await writer.trim(1);
    expect(await firstOffset()).toBeLessThanOrEqual(firstMax);
    await run(without(trim, 'watermark'), trimKeys, ['1', 1]);
    expect(await firstOffset()).toBeGreaterThan(4_000);
  });
});

describe('retire.lua', () => {
  it('names its checks, and every one is tested here', () => {
    const checks = [...retire.lua.matchAll(/-- check: (\S+)/g)].map((match) => match[1]);
    expect(checks).toEqual(['snapshot', 'back']);
  });

  it('lets go of what is durable, but for what readers want', async () => {
    await fill(5);
    await storeTwoSnapshots();
    expect(await readWatermark(client, keys)).toBeUndefined();
    expect(await retireLog(client, keys, at(3_000), 4_001)).toMatchObject({ watermark: at(3_000) });
    expect(await firstOffset()).toBeLessThanOrEqual(1_002);
    expect(await firstOffset()).toBeGreaterThan(900);
    const { trimmed } = await retireLog(client, keys, at(3_000), 1);
    expect(trimmed).toBeGreaterThan(1_900);
    expect(await firstOffset()).toBeLessThanOrEqual(3_001);
    expect(await readWatermark(client, keys)).toEqual(at(3_000));
  });

  it('never passes the older snapshot, and only because of that check', async () => {
    await fill(3);
    await writer.storeSnapshot({ inboxId: '4-0', state: 'a', books: [] });
    const held = writer.cursor.offset;
    await fill(3);
    await retireLog(client, keys, writer.cursor, 0);
    expect(await firstOffset()).toBeLessThanOrEqual(held);
    const { epoch, offset } = writer.cursor;
    await run(without(retire, 'snapshot'), trimKeys, [`${epoch}-${offset}`, 10]);
    expect(await firstOffset()).toBeGreaterThan(held);
  });

  it('never moves the watermark back, and only because of that check; a journal that begins does', async () => {
    await fill(2);
    await retireLog(client, keys, at(1_500), 0);
    expect((await retireLog(client, keys, at(1_499), 0)).watermark).toEqual(at(1_500));
    await run(without(retire, 'back'), trimKeys, [`${writer.cursor.epoch}-1499`, 0]);
    expect(await readWatermark(client, keys)).toEqual(at(1_499));
    expect((await retireLog(client, keys, undefined, 0)).watermark).toEqual({ epoch: 0, offset: 0 });
    expect(await writer.trim(1)).toBe(0);
  });

  it('moves a watermark back that is beyond the tip: Redis has lost that end', async () => {
    await fill(2);
    await client.set(keys.watermark, `${writer.cursor.epoch}-9000`);
    expect((await retireLog(client, keys, at(1_000), 0)).watermark).toEqual(at(1_000));
  });

  it('makes room while memory is full', async () => {
    await fill(5);
    await storeTwoSnapshots();
    await client.config('SET', 'maxmemory', 1);
    try {
      expect((await retireLog(client, keys, at(4_000), 0)).trimmed).toBeGreaterThan(3_800);
      expect(await readWatermark(client, keys)).toEqual(at(4_000));
    } finally {
      await client.config('SET', 'maxmemory', 0);
    }
  });
});
