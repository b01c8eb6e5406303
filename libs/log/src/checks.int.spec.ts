import { startRedis, type TestRedis } from '@depthcast/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { connectRedis, type RedisClient } from './connect.ts';
import { partitionKeys } from './keys.ts';
import { type Script, script } from './script.ts';
import { adopt } from './scripts/adopt.lua.ts';
import { append } from './scripts/append.lua.ts';
import { openEpoch } from './scripts/epoch.lua.ts';
import { snapshot } from './scripts/snapshot.lua.ts';
import { trim } from './scripts/trim.lua.ts';
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

const adoptKeys = [keys.log, keys.tip, keys.inbox];
const adoptArgs = (
  change: Partial<Record<'epoch' | 'term' | 'offset' | 'crc' | 'writer' | 'input', string | number>> = {},
) => {
  const { epoch, offset } = writer.cursor;
  const current = { epoch, term: 1, offset, crc: writer.crc, writer: 'w1', input: '5-0', ...change };
  return [current.epoch, current.term, current.offset, current.crc, current.writer, current.input];
};
const adoptCases: Record<string, () => Promise<(string | number)[]>> = {
  tip: async () => {
    const args = adoptArgs();
    await client.del(keys.tip);
    return args;
  },
  epoch: async () => {
    await client.hset(keys.tip, 'epoch', '5');
    return adoptArgs();
  },
  term: async () => adoptArgs({ term: 2 }),
  offset: async () => {
    await client.hset(keys.tip, 'offset', '9');
    return adoptArgs();
  },
  crc: async () => adoptArgs({ crc: 12345 }),
  writer: async () => adoptArgs({ writer: 'w2' }),
  'last-id': async () => {
    await client.xadd(keys.log, `${writer.cursor.epoch}-9`, 'by', 'hand');
    return adoptArgs();
  },
  input: async () => adoptArgs({ input: '6-0' }),
};

describe('adopt.lua', () => {
  beforeEach(async () => {
    await client.xadd(keys.inbox, '5-0', 'clock', '{}');
    await client.hset(keys.tip, 'runId', 'of-another-process');
  });

  it('names its checks, and every one is tested here', () => {
    const checks = [...adopt.lua.matchAll(/-- check: (\S+)/g)].map((match) => match[1]);
    expect(checks.sort()).toEqual(Object.keys(adoptCases).sort());
  });

  it('lets the living writer go on upon another process that holds all it holds', async () => {
    expect(await run(adopt, adoptKeys, adoptArgs())).toEqual(['OK', '1']);
    expect(await run(append, appendKeys, appendArgs())).toEqual(['OK', '2']);
  });

  for (const [check, prepare] of Object.entries(adoptCases)) {
    it(`refuses by ${check}, and only because of that check`, async () => {
      const args = await prepare();
      expect((await run(adopt, adoptKeys, args)).slice(0, 2)).toEqual(['FENCED', check]);
      expect(await client.hget(keys.tip, 'runId')).toBe(check === 'tip' ? null : 'of-another-process');
      const [mutant] = await run(without(adopt, check), adoptKeys, args);
      expect(mutant).toBe(check === 'tip' ? 'LUA ERROR' : 'OK');
    });
  }
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

describe('epoch.lua', () => {
  const epochKeys = [keys.log, keys.tip, keys.snapshot];
  const epochArgs = (term: string, epoch: string | number) => [term, epoch, 'w0', 'start', '0-0', '1', ''];

  it('refuses a writer of an older term, and only because of that check', async () => {
    const args = epochArgs('7', writer.cursor.epoch);
    expect((await run(openEpoch, epochKeys, args)).slice(0, 2)).toEqual(['FENCED', 'term']);
    expect((await run(without(openEpoch, 'term'), epochKeys, args))[0]).toBe('OK');
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
    expect(cursor).toEqual({ epoch: ahead + 1, offset: 0 });
    const [[, fields]] = (await client.xrevrange(keys.log, '+', '-', 'COUNT', 1)) as [[string, string[]]];
    expect(JSON.parse(fields[1] as string)).toEqual({
      type: 'epoch',
      epoch: ahead + 1,
      previous_tail: `${ahead}-3`,
      reason: 'log_replaced',
    });
  });
});

describe('trim.lua', () => {
  const fill = async (appends: number) => {
    for (let i = 0; i < appends; i++) {
      await writer.append(
        Array.from({ length: 1000 }, (_, n) => ({ topic: 'trade:BTCUSD', payload: `{"n":${n}}` })),
        `${i + 2}-0`,
      );
    }
  };

  it('refuses a writer of an older term, and only because of that check', async () => {
    const trimKeys = [keys.log, keys.tip, keys.snapshot];
    expect((await run(trim, trimKeys, ['9', 1])).slice(0, 2)).toEqual(['FENCED', 'term']);
    expect((await run(without(trim, 'term'), trimKeys, ['9', 1]))[0]).toBe('OK');
  });

  it('drops any number of entries in one call', async () => {
    await fill(15);
    await writer.storeSnapshot({ inboxId: '16-0', state: 'a', books: [] });
    await writer.append([{ topic: 'clock', payload: '{}' }], '17-0');
    await writer.storeSnapshot({ inboxId: '17-0', state: 'b', books: [] });
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
    const [first] = await client.xrange(keys.log, '-', '+', 'COUNT', 1);
    expect(Number(first?.[0].split('-')[1])).toBeLessThanOrEqual(held);
    expect(Number(first?.[0].split('-')[1])).toBeGreaterThan(0);
    await run(without(trim, 'snapshot'), [keys.log, keys.tip, keys.snapshot], ['1', 1]);
    const [after] = await client.xrange(keys.log, '-', '+', 'COUNT', 1);
    expect(Number(after?.[0].split('-')[1])).toBeGreaterThan(held);
  });
});
