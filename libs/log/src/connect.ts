import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { parseNodes } from './redis-url.ts';
import { connectSentinel, SENTINEL_SCHEME } from './sentinel.ts';

export type RedisClient = Redis | Cluster;

const CLUSTER_SCHEME = 'redis+cluster://';
const RECONNECT_MS_MAX = 2_000;
const CONNECT_TIMEOUT_MS = 5_000;
/** Longer than any blocked read (1 s), so that only a silent network trips it. */
const SOCKET_TIMEOUT_MS = 5_000;
/**
 * A Redis that loads its data is asked again after so long. ioredis would go by Redis' own guess of how long that
 * takes, up to ten seconds; but whoever appends must be back before a standby may take over.
 */
const LOADING_RETRY_MS = 100;

export interface ConnectOptions {
  /** Shown by CLIENT LIST. */
  readonly name?: string;
  /** Connection errors; the client reconnects for ever by itself. */
  readonly onError?: (error: Error) => void;
}

/**
 * One client for `redis://`, `rediss://`, `redis+cluster://host:port,host:port` or
 * `redis+sentinel://host:port,host:port/name`.
 *
 * A command whose connection breaks is rejected at once and never sent again by the client: its outcome is unknown,
 * and only the caller knows how to find out (a writer reads the tip, a producer relies on (src, seq), a reader asks
 * again). ioredis would by default send it again, which turns one append into a fence.
 */
export function connectRedis(url: string, options: ConnectOptions = {}): RedisClient {
  const client = openClient(url, options);
  client.on('error', (error: Error) => options.onError?.(error));
  return client;
}

function openClient(url: string, options: ConnectOptions): RedisClient {
  if (url.startsWith(CLUSTER_SCHEME)) return connectCluster(url, options);
  const single = { ...baseOptions(options), retryStrategy: reconnectMs };
  return url.startsWith(SENTINEL_SCHEME) ? connectSentinel(url, single) : new Redis(url, single);
}

/** A second connection with the same settings: a blocked read would stall every other command on a shared one. */
export function duplicateClient(client: RedisClient): RedisClient {
  // Lazy: one that is closed before its first command never was a connection.
  const twin =
    client instanceof Cluster ? client.duplicate([], { lazyConnect: true }) : client.duplicate({ lazyConnect: true });
  // Its errors show as rejected reads; without a listener ioredis prints them.
  twin.on('error', () => {});
  return twin;
}

/**
 * What was asked over a connection of one's own, or an error once that is being closed. ioredis forgets what waits in
 * its queue when it is told to disconnect between two tries to connect: neither an answer nor an error would come.
 */
export function unlessClosed<T>(asked: Promise<T>, closing: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = () => reject(new Error('Connection is closed.'));
    if (closing.aborted) end();
    else closing.addEventListener('abort', end, { once: true });
    asked.then(resolve, reject).finally(() => closing.removeEventListener('abort', end));
  });
}

/** Whether Redis itself answered with this error; else the command's outcome is unknown. */
export function isReplyError(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

/**
 * Runs a read until it succeeds, through any outage. Redis' own refusals are thrown, except those that pass
 * (loading, failing over).
 */
export async function retryReads<T>(read: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  for (let waitMs = 20; ; waitMs = Math.min(waitMs * 2, 500)) {
    try {
      return await read();
    } catch (error) {
      if (signal?.aborted || (isReplyError(error) && !isPassing(error))) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}

/** Refusals that end by themselves: a replica being promoted, a dataset being loaded, a full memory being drained. */
export function isPassing(error: Error): boolean {
  return /^(LOADING|CLUSTERDOWN|TRYAGAIN|MASTERDOWN|READONLY|OOM|BUSY|MISCONF|NOREPLICAS|UNKILLABLE)\b/.test(
    error.message,
  );
}

function baseOptions(options: ConnectOptions) {
  return {
    ...(options.name === undefined ? {} : { connectionName: options.name }),
    autoResendUnfulfilledCommands: false,
    // Without a limit ioredis neither resends nor settles what was in flight when the connection broke.
    maxRetriesPerRequest: 0,
    connectTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: SOCKET_TIMEOUT_MS,
    maxLoadingRetryTime: LOADING_RETRY_MS,
    // A master that was demoted keeps its connections; behind a virtual address only a new one finds its successor.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  } satisfies RedisOptions;
}

function reconnectMs(attempt: number): number {
  return Math.min(25 * 2 ** Math.min(attempt, 10), RECONNECT_MS_MAX) * (0.5 + Math.random() / 2);
}

function connectCluster(url: string, options: ConnectOptions): Cluster {
  const { nodes, username, password } = parseNodes(
    url.slice(CLUSTER_SCHEME.length),
    `${CLUSTER_SCHEME}host:port,host:port`,
  );
  return new Cluster([...nodes], {
    redisOptions: {
      ...baseOptions(options),
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
    },
    // 0: a command lost with its node is not sent again behind our back (see connectRedis).
    retryDelayOnFailover: 0,
    clusterRetryStrategy: (attempt) => Math.min(50 * attempt, RECONNECT_MS_MAX),
    slotsRefreshInterval: 5_000,
  });
}
