import { DepthcastError, type ErrorAnswer, invalid } from '@depthcast/protocol';
import { z } from 'zod';
import type { ResumeRequest } from '../../resume/locator.ts';
import { errorAnswer } from '../error-answer.ts';
import { MAX_RATE_MAX, MAX_RATE_MIN } from '../max-rate.ts';
import { INTERVAL_MS_MAX, INTERVAL_MS_MIN } from '../stream-params.ts';

/** One message, all of it. */
export const MESSAGE_BYTES_MAX = 64 << 10;
const LAST_ID_CHARS_MAX = 2_048;
const TOKEN_CHARS_MAX = 16 << 10;

export const streams = z.union([z.string(), z.array(z.string())]);
export const interval = z
  .int()
  .min(0)
  .max(INTERVAL_MS_MAX)
  .refine((ms) => ms === 0 || ms >= INTERVAL_MS_MIN);
const STREAMS_TAKES = 'a stream definition such as BTCUSD:MBP:10, or an array of them';
const INTERVAL_TAKES = `0 (every change) or ${INTERVAL_MS_MIN} to ${INTERVAL_MS_MAX} ms`;

/** What a client says of itself when it connects (`auth` of the client libraries). */
export const auth = z.object({
  /** The last `cursor` received. */
  lastId: z.union([z.string().max(LAST_ID_CHARS_MAX), z.int().min(0)]).nullish(),
  /** Subscribed from the start: they go on from `lastId`. */
  streams: streams.nullish(),
  interval: interval.nullish(),
  /** As if `ready` had been sent. */
  ready: z.boolean().nullish(),
  /** Each message of the log carries `prev_cursor` too. */
  chain: z.boolean().nullish(),
  /** Messages a second, of all that it is sent. */
  maxRate: z.int().min(MAX_RATE_MIN).max(MAX_RATE_MAX).nullish(),
  token: z.string().max(TOKEN_CHARS_MAX).nullish(),
});
const AUTH_TAKES: Readonly<Record<keyof z.output<typeof auth>, string>> = {
  lastId: 'a cursor as it was received',
  streams: STREAMS_TAKES,
  interval: INTERVAL_TAKES,
  ready: 'true or false',
  chain: 'true or false',
  maxRate: `messages a second, ${MAX_RATE_MIN} to ${MAX_RATE_MAX}`,
  token: 'a token',
};

export interface Handshake {
  readonly resume: ResumeRequest | undefined;
  readonly streams: readonly string[];
  readonly intervalMs: number | undefined;
  readonly ready: boolean;
  readonly chain: boolean;
  readonly maxRate: number | undefined;
  readonly token: string | undefined;
}

export interface SubscribeRequest {
  readonly streams: readonly string[];
  /** `undefined`: the gateway's. */
  readonly intervalMs: number | undefined;
}

/** The answer to `subscribe` and `unsubscribe`. */
export interface SubscribeAnswer {
  /** Nothing of what was asked for was wrong. */
  readonly ok: boolean;
  /** Every stream of the connection, as `SYMBOL:TYPE:LEVELS` or `SYMBOL:TYPE`. */
  readonly streams: readonly string[];
  /** The new ones go on from `lastId`; false: log-type streams begin with how things stand now. */
  readonly resumed: boolean;
  readonly errors: readonly (ErrorAnswer & { readonly stream_id?: string })[];
}

/** @throws DepthcastError `PARAMETER_INVALID` naming the member of `auth`. */
export function parseHandshake(given: unknown): Handshake {
  const parsed = auth.safeParse(given);
  if (!parsed.success) {
    const [name] = (parsed.error.issues[0]?.path ?? []) as (keyof typeof AUTH_TAKES)[];
    if (name === undefined) throw invalid('auth', kindOf(given), 'an object');
    throw invalid(
      `auth.${name}`,
      name === 'token' ? '' : kindOf((given as typeof parsed.data)?.[name]),
      AUTH_TAKES[name],
    );
  }
  const { lastId, streams, interval, ready, chain, maxRate, token } = parsed.data;
  const text = lastId === undefined || lastId === null ? '' : String(lastId);
  return {
    resume: text === '' ? undefined : { text, fromHeader: false },
    streams: listOf(streams ?? []),
    intervalMs: interval ?? undefined,
    ready: ready ?? false,
    chain: chain ?? false,
    maxRate: maxRate ?? undefined,
    token: token ?? undefined,
  };
}

/** @throws DepthcastError `PARAMETER_INVALID` */
export function parseSubscribe([what, options]: readonly unknown[]): SubscribeRequest {
  const list = parseStreams([what]);
  if (options === undefined || options === null) return { streams: list, intervalMs: undefined };
  if (typeof options !== 'object') throw invalid('options', kindOf(options), 'an object');
  const ms = Object.hasOwn(options, 'interval') ? (options as { interval: unknown }).interval : undefined;
  if (ms === undefined) return { streams: list, intervalMs: undefined };
  const parsed = interval.safeParse(ms);
  if (!parsed.success) throw invalid('interval', kindOf(ms), INTERVAL_TAKES);
  return { streams: list, intervalMs: parsed.data };
}

/** @throws DepthcastError `PARAMETER_INVALID` */
export function parseStreams([what]: readonly unknown[]): readonly string[] {
  const parsed = streams.safeParse(what);
  const list = parsed.success ? listOf(parsed.data) : [];
  if (list.length === 0) throw invalid('streams', kindOf(what), STREAMS_TAKES);
  return list;
}

/** Any error as a client is told it. @throws what was never meant to reach one. */
export function answerOf(error: unknown): ErrorAnswer {
  if (!(error instanceof DepthcastError)) throw error;
  return errorAnswer(error);
}

function listOf(given: string | readonly string[]): string[] {
  return (typeof given === 'string' ? [given] : given)
    .flatMap((text) => text.split(','))
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** What came, for a message: never the whole of it. */
function kindOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (value === null || value === undefined) return 'nothing';
  if (Buffer.isBuffer(value)) return 'binary data';
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}
