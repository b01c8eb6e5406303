import { isIP } from 'node:net';
import { PARTITIONS_MAX } from '@depthcast/protocol';
import { z } from 'zod';

/** Where to listen. `port` 0 takes any free port. IPv6 hosts stand without their brackets. */
export interface Addr {
  readonly host: string;
  readonly port: number;
}

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface IntegerRange {
  readonly min: number;
  readonly max: number;
  readonly default?: number;
  /** Only for the message, such as `ms`. */
  readonly unit?: string;
}

const PORT_MAX = 65_535;
const ADDR = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]/@]+)):(\d{1,5})$/;
const PATH_CHARS_MAX = 4_096;
const WHOLE_NUMBER = /^-?\d{1,15}$/;

/**
 * Zod pieces for values of the environment: text in, typed value out. Each piece's message says what it takes;
 * loadConfig adds the variable and what it got. A piece without a default makes its variable required.
 */
export const settings = {
  /** `host:port` or `[::1]:port`. */
  addr: (defaultText?: string) =>
    piece(defaultText, 'host:port such as 127.0.0.1:8081 or [::1]:8081, port 0 to 65535 (0 = any free port)', tryAddr),

  /** `true`, `false`, `1`, `0`. */
  boolean: (defaultValue?: boolean) =>
    piece(defaultValue === undefined ? undefined : String(defaultValue), 'true, false, 1 or 0', tryBoolean),

  integer: (range: IntegerRange) =>
    piece(
      range.default === undefined ? undefined : String(range.default),
      `a whole number from ${range.min} to ${range.max}${range.unit === undefined ? '' : ` (${range.unit})`}`,
      (text) => {
        const value = WHOLE_NUMBER.test(text) ? Number(text) : Number.NaN;
        return value >= range.min && value <= range.max ? value : undefined;
      },
    ),

  oneOf: <const T extends string>(allowed: readonly T[], defaultValue?: NoInfer<T>) =>
    piece(defaultValue, `one of ${allowed.join(', ')}`, (text) => allowed.find((a) => a === text)),

  logLevel: (defaultValue: LogLevel = 'info') =>
    piece(defaultValue, `one of ${LOG_LEVELS.join(', ')}`, (text) => LOG_LEVELS.find((l) => l === text.toLowerCase())),

  /**
   * `redis://`, `rediss://` (one server), `redis+cluster://host:port,host:port` (a cluster's seed nodes),
   * `redis+sentinel://host:port,host:port/name` (sentinels, and what they call the master).
   */
  redisUrl: (defaultText?: string) =>
    piece(
      defaultText,
      'redis://host:port, rediss://host:port, redis+cluster://host:port,host:port or ' +
        'redis+sentinel://host:port,host:port/name',
      (text) => (isRedisUrl(text) ? text : undefined),
    ),

  /** How long a shutdown may take before the process leaves anyway (SHUTDOWN_MS), which every app reads. */
  shutdownMs: () => settings.integer({ min: 0, max: 600_000, default: 10_000, unit: 'ms' }),

  /** How many partitions there are (PARTITIONS): the same for every app on one Redis. */
  partitions: () => settings.integer({ min: 1, max: PARTITIONS_MAX, default: 1, unit: 'partitions' }),

  /** An absolute URL of one of the schemes, such as `wss`. */
  url: (schemes: readonly string[], defaultText?: string) =>
    piece(defaultText, `a URL beginning with ${schemes.map((s) => `${s}://`).join(' or ')}`, (text) =>
      URL.canParse(text) && schemes.includes(new URL(text).protocol.slice(0, -1)) && new URL(text).hostname !== ''
        ? text
        : undefined,
    ),

  /** A file or folder, whether it is there or not. */
  path: (defaultText?: string) =>
    piece(defaultText, 'the path of a file or folder', (text) =>
      text !== '' && text.length <= PATH_CHARS_MAX && !text.includes('\0') ? text : undefined,
    ),

  /** Words divided by commas; blanks around them and empty ones are dropped. */
  list: (defaultText?: string) =>
    piece(defaultText, 'words divided by commas', (text) => {
      const words = text
        .split(',')
        .map((word) => word.trim())
        .filter((word) => word !== '');
      return words.length > 0 ? words : undefined;
    }),
};

/** Reads `host:port`; undefined when it is not one. */
export function tryAddr(text: string): Addr | undefined {
  const match = ADDR.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  return host === undefined || !(port <= PORT_MAX) ? undefined : { host, port };
}

/** Whether only this machine can reach it. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

export function formatAddr(addr: Addr): string {
  return addr.host.includes(':') ? `[${addr.host}]:${addr.port}` : `${addr.host}:${addr.port}`;
}

function tryBoolean(text: string): boolean | undefined {
  const value = text.toLowerCase();
  if (value === 'true' || value === '1') return true;
  return value === 'false' || value === '0' ? false : undefined;
}

/** As libs/log reads it. */
function isRedisUrl(text: string): boolean {
  const [, scheme, rest] = /^(rediss?|redis\+cluster|redis\+sentinel):\/\/([^\s]+)$/.exec(text) ?? [];
  if (scheme === undefined || rest === undefined) return false;
  if (!scheme.includes('+')) return URL.canParse(text) && new URL(text).hostname !== '';
  const [, nodes = '', name = '', query] = /^(?:[^:@/]*:[^@/]*@)?([^@/?]+)\/?([^@/?]*)(?:\?(.*))?$/.exec(rest) ?? [];
  const isNamed = scheme === 'redis+sentinel' ? name !== '' && isSentinelQuery(query) : name + (query ?? '') === '';
  return isNamed && nodes.split(',').every((node) => (tryAddr(node)?.port ?? 0) > 0);
}

function isSentinelQuery(query = ''): boolean {
  const { db = '0', ...others } = Object.fromEntries(new URLSearchParams(query));
  const known = ['sentinelUsername', 'sentinelPassword'];
  return /^\d{1,5}$/.test(db) && Object.keys(others).every((key) => known.includes(key));
}

/**
 * @param takes what the piece takes, for the message.
 * @param read the value, or undefined when the text is not one.
 */
function piece<T>(defaultText: string | undefined, takes: string, read: (text: string) => T | undefined) {
  const text = z.string({ error: takes });
  return (defaultText === undefined ? text : text.default(defaultText)).transform((value, context): T => {
    const result = read(value.trim());
    if (result !== undefined) return result;
    context.issues.push({ code: 'custom', message: takes, input: value });
    return z.NEVER;
  });
}
