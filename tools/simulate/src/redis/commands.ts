import { type Command, type Commands, type Host, integer } from './command.ts';
import { type Reply, ReplyError, syntaxError, wrongType } from './reply.ts';
import { STREAM_COMMANDS } from './stream-commands.ts';

/** @throws ReplyError as Redis would answer. */
export function runCommand(host: Host, command: readonly string[]): Reply {
  return commandOf(command).run(host, command.slice(1));
}

/** @throws ReplyError when there is none of that name, or it takes more arguments. */
export function commandOf([name = '', ...args]: readonly string[]): Command {
  const lower = name.toLowerCase();
  const command = COMMANDS[lower];
  if (!command) {
    const shown = args.map((arg) => `'${arg}' `).join('');
    throw new ReplyError(`ERR unknown command '${name}', with args beginning with: ${shown}`);
  }
  if (args.length < command.argsMin) throw new ReplyError(`ERR wrong number of arguments for '${lower}' command`);
  return command;
}

function stringAt({ keyspace, clockMs }: Host, key: string): string | null {
  const value = keyspace.get(key, clockMs);
  if (value !== undefined && typeof value !== 'string') throw wrongType();
  return value ?? null;
}

const NO_FIELDS: ReadonlyMap<string, string> = new Map();

function hashAt({ keyspace, clockMs }: Host, key: string): ReadonlyMap<string, string> {
  const value = keyspace.get(key, clockMs);
  if (value !== undefined && !(value instanceof Map)) throw wrongType();
  return value ?? NO_FIELDS;
}

const isHeld = ({ keyspace, clockMs }: Host, key: string) => keyspace.get(key, clockMs) !== undefined;

function type({ keyspace, clockMs }: Host, [key = '']: readonly string[]): Reply {
  const value = keyspace.get(key, clockMs);
  if (value === undefined) return 'none';
  if (typeof value === 'string') return 'string';
  return value instanceof Map ? 'hash' : 'stream';
}

function set(host: Host, [key = '', value = '', ...options]: readonly string[]): Reply {
  let expiresAtMs: number | undefined;
  let onlyNew = false;
  for (let i = 0; i < options.length; i++) {
    const option = options[i]?.toUpperCase();
    if (option === 'NX') onlyNew = true;
    else if (option === 'PX') expiresAtMs = host.clockMs + integer(options[++i]);
    else throw syntaxError();
  }
  if (onlyNew && isHeld(host, key)) return null;
  host.keyspace.set(key, value, expiresAtMs);
  return 'OK';
}

function mget({ keyspace, clockMs }: Host, keys: readonly string[]): Reply {
  return keys.map((key) => {
    const value = keyspace.get(key, clockMs);
    return typeof value === 'string' ? value : null;
  });
}

function pexpire(host: Host, [key = '', ttl]: readonly string[]): Reply {
  const ms = integer(ttl);
  if (!isHeld(host, key)) return 0;
  if (ms <= 0) host.keyspace.delete(key);
  else host.keyspace.expire(key, host.clockMs + ms);
  return 1;
}

function pttl(host: Host, [key = '']: readonly string[]): Reply {
  if (!isHeld(host, key)) return -2;
  const at = host.keyspace.expiresAtMs(key);
  return at === undefined ? -1 : at - host.clockMs;
}

function hset(host: Host, [key = '', ...pairs]: readonly string[]): Reply {
  if (pairs.length % 2 !== 0) throw new ReplyError("ERR wrong number of arguments for 'hset' command");
  const hash = host.keyspace.hash(key, host.clockMs);
  let added = 0;
  for (let i = 0; i < pairs.length; i += 2) {
    if (!hash.has(pairs[i] as string)) added++;
    hash.set(pairs[i] as string, pairs[i + 1] as string);
  }
  return added;
}

function hsetnx(host: Host, [key = '', field = '', value = '']: readonly string[]): Reply {
  return hashAt(host, key).has(field) ? 0 : hset(host, [key, field, value]);
}

function hdel(host: Host, [key = '', ...fields]: readonly string[]): Reply {
  const held = fields.filter((field) => hashAt(host, key).has(field));
  if (held.length === 0) return 0;
  const hash = host.keyspace.hash(key, host.clockMs);
  for (const field of held) hash.delete(field);
  if (hash.size === 0) host.keyspace.delete(key);
  return held.length;
}

function hincrby(host: Host, [key = '', field = '', by]: readonly string[]): Reply {
  const before = hashAt(host, key).get(field) ?? '0';
  if (!/^-?\d+$/.test(before)) throw new ReplyError('ERR hash value is not an integer');
  const sum = Number(before) + integer(by);
  host.keyspace.hash(key, host.clockMs).set(field, String(sum));
  return sum;
}

/** The lines that are looked at here. */
function info(host: Host, [section = '']: readonly string[]): Reply {
  switch (section.toLowerCase()) {
    case 'server':
      return `# Server\r\nrun_id:${host.runId}\r\n`;
    case 'memory':
      return `# Memory\r\nused_memory:${host.usedMemoryBytes}\r\nmaxmemory:${host.maxMemoryBytes}\r\nmaxmemory_policy:noeviction\r\n`;
    default:
      return '';
  }
}

function flushall({ keyspace }: Host): Reply {
  keyspace.clear();
  return 'OK';
}

const COMMANDS: Commands = {
  ...STREAM_COMMANDS,
  get: { argsMin: 1, run: (host, [key = '']) => stringAt(host, key) },
  set: { argsMin: 2, grows: true, run: set },
  mget: { argsMin: 1, run: mget },
  del: { argsMin: 1, run: (host, keys) => keys.filter((key) => isHeld(host, key) && host.keyspace.delete(key)).length },
  exists: { argsMin: 1, run: (host, keys) => keys.filter((key) => isHeld(host, key)).length },
  type: { argsMin: 1, run: type },
  pexpire: { argsMin: 2, run: pexpire },
  pttl: { argsMin: 1, run: pttl },
  hset: { argsMin: 3, grows: true, run: hset },
  hsetnx: { argsMin: 3, grows: true, run: hsetnx },
  hget: { argsMin: 2, run: (host, [key = '', field = '']) => hashAt(host, key).get(field) ?? null },
  hmget: {
    argsMin: 2,
    run: (host, [key = '', ...fields]) => fields.map((field) => hashAt(host, key).get(field) ?? null),
  },
  hgetall: { argsMin: 1, run: (host, [key = '']) => [...hashAt(host, key)].flat() },
  hdel: { argsMin: 2, run: hdel },
  hincrby: { argsMin: 3, grows: true, run: hincrby },
  info: { argsMin: 1, run: info },
  time: { argsMin: 0, run: ({ clockMs }) => [String(Math.floor(clockMs / 1000)), String((clockMs % 1000) * 1000)] },
  flushall: { argsMin: 0, run: flushall },
};
