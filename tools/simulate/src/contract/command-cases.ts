import type { RedisClient } from '@depthcast/log';
import { dump, type Observed, observe, type Session, say } from './session.ts';

type Case = (session: Session) => Promise<Observed>;
type Line = readonly [string, ...(string | number)[]];

/** Commands one after the other, and what the keys hold at the end. */
function lines(keys: readonly string[], ...commands: readonly Line[]): Case {
  return async (session) => {
    const replies: Observed[] = [];
    for (const [name, ...args] of commands) replies.push([name, ...args, '→', await say(session, name, ...args)]);
    return { replies, held: await dump(session, keys) };
  };
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A read that blocks, the moment it has been sent. */
async function blocked(session: Session, ...args: (string | number)[]) {
  const client = session.connect();
  const order: string[] = [];
  const read = say({ ...session, client }, 'XREAD', ...args).then((reply) => {
    order.push('read');
    return reply;
  });
  await wait(20);
  return { client, read, order };
}

const done = async (client: RedisClient, observed: Observed) => {
  client.disconnect();
  return observed;
};

export const commandCases: Readonly<Record<string, Case>> = {
  'ids must rise, and say so when they do not': lines(
    ['s', 't'],
    ['XADD', 's', '5-1', 'a', '1'],
    ['XADD', 's', '5-1', 'a', '2'],
    ['XADD', 's', '4-9', 'a', '2'],
    ['XADD', 's', '0-0', 'a', '2'],
    ['XADD', 't', '0-0', 'a', '2'],
    ['XADD', 't', '0', 'a', '2'],
    ['XADD', 's', '5', 'a', '2'],
    ['XADD', 's', '6', 'a', '3'],
    ['XADD', 's', 'x-1', 'a', '4'],
    ['XADD', 's', '7-1', 'a'],
    ['XADD', 's', '7-1', 'a', '1', 'b'],
    ['XADD', 's', '7-1', 'a', '1', 'b', '2'],
    ['EXISTS', 't'],
  ),
  'an id with an open second part counts on': lines(
    ['s'],
    ['XADD', 's', '5-*', 'a', '1'],
    ['XADD', 's', '5-*', 'a', '2'],
    ['XADD', 's', '9-*', 'a', '3'],
    ['XADD', 's', '8-*', 'a', '4'],
    ['XADD', 's', '9-*', 'a', '5'],
    ['XADD', 'z', '0-*', 'a', '6'],
  ),
  'an own id never falls, though the clock does': async (session) => {
    await say(session, 'XADD', 's', '99999999999999-7', 'a', '1');
    return [await say(session, 'XADD', 's', '*', 'a', '2'), await say(session, 'XADD', 's', '*', 'a', '3')];
  },
  'an own id is the clock in milliseconds': async (session) => {
    const id = String(await say(session, 'XADD', 's', '*', 'a', '1'));
    const [seconds] = (await say(session, 'TIME')) as string[];
    return Math.abs(Number(id.split('-')[0]) / 1000 - Number(seconds)) < 5 && id.endsWith('-0');
  },
  'ranges, forwards and backwards': lines(
    [],
    ...[1, 2, 3, 4, 5].map((n): Line => ['XADD', 's', `${n}-${n}`, 'n', n]),
    ['XRANGE', 's', '-', '+'],
    ['XRANGE', 's', '2', '4'],
    ['XRANGE', 's', '(2-2', '+', 'COUNT', 2],
    ['XRANGE', 's', '2-2', '(4-4'],
    ['XRANGE', 's', '3-3', '3-3'],
    ['XRANGE', 's', '9', '+'],
    ['XRANGE', 's', '4', '2'],
    ['XRANGE', 'none', '-', '+'],
    ['XREVRANGE', 's', '+', '-', 'COUNT', 1],
    ['XREVRANGE', 's', '4', '(2-2'],
    ['XRANGE', 's', 'x', '+'],
    ['XLEN', 's'],
    ['XLEN', 'none'],
  ),
  'a read that need not wait': lines(
    [],
    ['XADD', 's', '1-1', 'a', '1'],
    ['XADD', 's', '1-2', 'a', '2'],
    ['XADD', 's', '2-0', 'a', '3'],
    ['XREAD', 'COUNT', 2, 'STREAMS', 's', '0-0'],
    ['XREAD', 'COUNT', 2, 'BLOCK', 1000, 'STREAMS', 's', '1-1'],
    ['XREAD', 'STREAMS', 's', '1'],
    ['XREAD', 'STREAMS', 's', '2-0'],
    ['XREAD', 'STREAMS', 's', '$'],
    ['XREAD', 'STREAMS', 'none', '0'],
    ['XREAD', 'STREAMS', 's'],
    ['XREAD', 'STREAMS', 's', 'x'],
  ),
  'a read that waits in vain says nothing, after its time': async (session) => {
    const began = performance.now();
    const reply = await say(session, 'XREAD', 'BLOCK', 60, 'STREAMS', 's', '0-0');
    return [reply, performance.now() - began > 50];
  },
  'a read that waits is answered by the entry that comes': async (session) => {
    const { client, read } = await blocked(session, 'COUNT', 5, 'BLOCK', 5_000, 'STREAMS', 's', '0-0');
    await say(session, 'XADD', 's', '3-1', 'a', '1');
    return done(client, await read);
  },
  'a read from $ gives what comes after it': async (session) => {
    await say(session, 'XADD', 's', '3-1', 'a', '1');
    const { client, read } = await blocked(session, 'BLOCK', 5_000, 'STREAMS', 's', '$');
    await say(session, 'XADD', 's', '3-2', 'a', '2');
    return done(client, await read);
  },
  'other entries leave a waiting read alone': async (session) => {
    const { client, read, order } = await blocked(session, 'BLOCK', 80, 'STREAMS', 's', '5-0');
    await say(session, 'XADD', 't', '9-0', 'a', '1');
    await say(session, 'XADD', 's', '4-0', 'a', '1');
    await wait(10);
    const early = order.length;
    return done(client, [early, await read]);
  },
  'what is sent behind a waiting read waits too': async (session) => {
    const { client, read, order } = await blocked(session, 'BLOCK', 5_000, 'STREAMS', 's', '0-0');
    const behind = observe(session, () => client.call('XLEN', ['s'])).then((reply) => {
      order.push('behind');
      return reply;
    });
    await wait(20);
    const early = [...order];
    await say(session, 'XADD', 's', '1-0', 'a', '1');
    return done(client, [early, await read, await behind]);
  },
  'a connection that is closed rejects what it waited for, and everything after': async (session) => {
    const { client, read } = await blocked(session, 'BLOCK', 5_000, 'STREAMS', 's', '0-0');
    client.disconnect();
    return [await read, await observe(session, () => client.call('XLEN', ['s']))];
  },
  'trimming to a length': lines(
    ['s'],
    ...[1, 2, 3, 4, 5].map((n): Line => ['XADD', 's', `${n}-0`, 'n', n]),
    ['XTRIM', 's', 'MAXLEN', 3],
    ['XTRIM', 's', 'MAXLEN', 3],
    ['XREAD', 'STREAMS', 's', '0-0'],
    ['XTRIM', 's', 'MAXLEN', '=', 0],
    ['XADD', 's', '4-0', 'n', 1],
    ['XADD', 's', '6-0', 'n', 1],
    ['XTRIM', 'none', 'MAXLEN', 3],
    ['XTRIM', 's', 'MAXLEN', 'x'],
    ['XTRIM', 's', 'BY', 3],
    ['EXISTS', 'none'],
  ),
  'trimming below an id': lines(
    ['s'],
    ...[1, 2, 3, 4, 5].map((n): Line => ['XADD', 's', `${n}-${n}`, 'n', n]),
    ['XTRIM', 's', 'MINID', '3-3'],
    ['XTRIM', 's', 'MINID', '5'],
    ['XTRIM', 's', 'MINID', '9-0'],
    ['XLEN', 's'],
    ['XINFO', 'STREAM', 'none'],
  ),
  'trimming by whole nodes keeps at least what was asked': async (session) => {
    for (let i = 1; i <= 350; i++) await say(session, 'XADD', 's', `1-${i}`, 'n', i);
    const trimmed = Number(await say(session, 'XTRIM', 's', 'MAXLEN', '~', '120', 'LIMIT', 0));
    const length = Number(await say(session, 'XLEN', 's'));
    return [trimmed, length];
  },
  'what a stream takes grows with it': async (session) => {
    const usage = async () => Number(await say(session, 'MEMORY', 'USAGE', 's', 'SAMPLES', 5));
    const none = await say(session, 'MEMORY', 'USAGE', 's');
    await say(session, 'XADD', 's', '1-0', 'n', 'x'.repeat(100));
    const one = await usage();
    for (let i = 0; i < 500; i++) await say(session, 'XADD', 's', '1-*', 'n', 'x'.repeat(100));
    return [none, one > 100, (await usage()) > one + 25_000];
  },
  'strings, and how long they live': async (session) => {
    const seen = [
      await say(session, 'SET', 'k', 'a', 'PX', 60, 'NX'),
      await say(session, 'SET', 'k', 'b', 'PX', 60, 'NX'),
      await say(session, 'GET', 'k'),
      Number(await say(session, 'PTTL', 'k')) > 0,
    ];
    await wait(80);
    seen.push(await say(session, 'GET', 'k'), await say(session, 'PTTL', 'k'), await say(session, 'EXISTS', 'k'));
    seen.push(
      await say(session, 'SET', 'k', 'c'),
      await say(session, 'PTTL', 'k'),
      await say(session, 'PEXPIRE', 'k', 30),
    );
    await wait(50);
    seen.push(await say(session, 'PEXPIRE', 'k', 30), await say(session, 'SET', 'k', 'd'));
    seen.push(await say(session, 'PEXPIRE', 'k', 0), await say(session, 'GET', 'k'), await say(session, 'DEL', 'k'));
    return seen;
  },
  hashes: lines(
    ['h'],
    ['HSET', 'h', 'a', '1', 'b', '2'],
    ['HSET', 'h', 'a', '3', 'c', '4'],
    ['HSET', 'h', 'a'],
    ['HGET', 'h', 'a'],
    ['HGET', 'h', 'x'],
    ['HMGET', 'h', 'a', 'x', 'c'],
    ['HGETALL', 'h'],
    ['HGETALL', 'none'],
    ['HSETNX', 'h', 'a', '9'],
    ['HSETNX', 'h', 'z', '9'],
    ['HINCRBY', 'h', 'a', 2],
    ['HINCRBY', 'h', 'new', 1],
    ['HSET', 'h', 'text', 'x'],
    ['HINCRBY', 'h', 'text', 1],
    ['HINCRBY', 'h', 'a', 'x'],
    ['HDEL', 'h', 'b', 'none'],
    ['HDEL', 'h', 'a', 'c', 'z', 'new', 'text'],
    ['EXISTS', 'h'],
    ['HDEL', 'h', 'a'],
  ),
  'a key of another type is an error, and stays': lines(
    ['h', 's', 'k'],
    ['HSET', 'h', 'a', '1'],
    ['XADD', 's', '1-0', 'a', '1'],
    ['SET', 'k', 'v'],
    ['XADD', 'h', '1-0', 'a', '1'],
    ['XRANGE', 'k', '-', '+'],
    ['XREAD', 'STREAMS', 'h', '0'],
    ['XINFO', 'STREAM', 'h'],
    ['XTRIM', 'h', 'MAXLEN', '1'],
    ['HGETALL', 's'],
    ['HSET', 's', 'a', '1'],
    ['GET', 's'],
    ['MGET', 's', 'k', 'none'],
    ['SET', 'h', 'now a string'],
    ['DEL', 'h', 's', 'none'],
  ),
  'what it does not understand': lines(
    [],
    ['NONSENSE', 'a'],
    ['XADD', 's'],
    ['XADD', 's', '1-0'],
    ['HSET', 'h'],
    ['GET'],
    ['SET', 'k', 'v', 'PX', 'x'],
    ['SET', 'k', 'v', 'NONSENSE'],
    ['EVALSHA', 'ffffffffffffffffffffffffffffffffffffffff', 0],
  ),
  'a full memory refuses what grows, and nothing else': async (session) => {
    await say(session, 'XADD', 's', '1-0', 'a', '1');
    await say(session, 'SET', 'k', 'v');
    await session.limitMemory(1);
    const seen = [
      await say(session, 'XADD', 's', '2-0', 'a', '1'),
      await say(session, 'SET', 'k', 'w'),
      await say(session, 'HSET', 'h', 'a', '1'),
      await say(session, 'XLEN', 's'),
      await say(session, 'PEXPIRE', 'k', 10_000),
      await say(session, 'XTRIM', 's', 'MAXLEN', 0),
      await say(session, 'DEL', 'k'),
    ];
    await session.limitMemory(0);
    return seen.concat(await say(session, 'XADD', 's', '2-0', 'a', '1'));
  },
  'INFO names the process and its memory': async (session) => {
    const server = String(await say(session, 'INFO', 'server'));
    await session.limitMemory(2 ** 30);
    const memory = String(await say(session, 'INFO', 'memory'));
    await session.limitMemory(0);
    return [
      /run_id:<run>\r\n/.test(server),
      Number(/\bused_memory:(\d+)/.exec(memory)?.[1]) > 100_000,
      /\bmaxmemory:(\d+)/.exec(memory)?.[1],
    ];
  },
  'as bytes': async ({ client }) => {
    await client.call('XADD', ['s', '1-0', 'topic', '{"é":1}']);
    return [await client.xrangeBuffer('s', '-', '+'), await client.xreadBuffer('COUNT', 9, 'STREAMS', 's', '0')];
  },
};
