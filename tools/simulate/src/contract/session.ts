import type { RedisClient } from '@depthcast/log';

/** One Redis, real or simulated, as the contract's cases see it. */
export interface Session {
  readonly client: RedisClient;
  /** One more connection. */
  connect(): RedisClient;
  /** As INFO tells it. */
  readonly runId: string;
  /** 0: no bound. */
  limitMemory(bytes: number): Promise<void>;
}

/** What a case observes; run ids are written as `<run>`, so that two processes can be compared. */
export type Observed = unknown;

/** Any command; an error that Redis answers with is observed too, as text. */
export async function say(session: Session, name: string, ...args: (string | number)[]): Promise<Observed> {
  // As libs/log calls it: ioredis shapes the answer by the method.
  if (name === 'XREAD')
    return observe(session, () => session.client.xread(...(args as unknown as ['STREAMS', string, string])));
  return observe(session, () => session.client.call(name, args));
}

export async function observe(session: Session, ask: () => Promise<unknown>): Promise<Observed> {
  try {
    return withoutRunId(await ask(), session.runId);
  } catch (error) {
    const { name, message } = error as Error;
    // Where in a script it arose is told in words that are the version's own.
    return `${name}: ${message.replace(/\.? script: .*$/s, '').replace(/\.$/, '')}`;
  }
}

/** Everything these keys hold. */
export async function dump(session: Session, keys: readonly string[]): Promise<Record<string, Observed>> {
  const held: Record<string, Observed> = {};
  for (const key of keys) {
    const type = await session.client.call('TYPE', [key]);
    if (type === 'string') held[key] = await say(session, 'GET', key);
    else if (type === 'hash') held[key] = withoutRunId(await session.client.hgetall(key), session.runId);
    else if (type === 'stream') {
      const info = (await session.client.call('XINFO', ['STREAM', key])) as unknown[];
      const field = (name: string) => info[info.indexOf(name) + 1];
      held[key] = {
        entries: await say(session, 'XRANGE', key, '-', '+'),
        ...Object.fromEntries(['length', 'last-generated-id', 'entries-added'].map((name) => [name, field(name)])),
      };
    }
  }
  return held;
}

function withoutRunId(value: unknown, runId: string): unknown {
  if (typeof value === 'string') return value.replaceAll(runId, '<run>');
  if (Array.isArray(value)) return value.map((item) => withoutRunId(item, runId));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutRunId(item, runId)]));
}
