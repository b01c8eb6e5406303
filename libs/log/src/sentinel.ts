import { Socket } from 'node:net';
import { DepthcastError } from '@depthcast/protocol';
import { Redis, type RedisOptions, SentinelConnector } from 'ioredis';
import { type HostPort, type NodesUrl, parseNodes } from './redis-url.ts';

export const SENTINEL_SCHEME = 'redis+sentinel://';
const PARAMS = ['db', 'sentinelUsername', 'sentinelPassword'] as const;
const FORM = `${SENTINEL_SCHEME}host:port,host:port/name, with nothing behind it but ${PARAMS.join(', ')}`;
/** A sentinel that hangs is left for the next one after so long. */
const SENTINEL_ANSWER_MS = 2_000;
const RECONNECT_MS = 1_000;
const FAILED_OVER = '+switch-master';

/**
 * A client of whichever server the sentinels call the master, for
 * `redis+sentinel://[user:password@]host:port,host:port/name[?db=0&sentinelUsername=…&sentinelPassword=…]`: user and
 * password are those of Redis, the sentinels may have others.
 *
 * @param base what every client of ours is told.
 * @throws DepthcastError `CONFIG_INVALID`.
 */
export function connectSentinel(url: string, base: Omit<RedisOptions, 'replyMapping'>): Redis {
  const parsed = parseNodes(url.slice(SENTINEL_SCHEME.length), FORM, PARAMS);
  const { nodes, name, params, username, password } = parsed;
  const db = params.get('db') ?? '0';
  if (name === '' || !/^\d{1,5}$/.test(db)) throw new DepthcastError('CONFIG_INVALID', `REDIS_URL is not ${FORM}`);
  const client = new Redis({
    ...base,
    Connector: MasterConnector as unknown as NonNullable<RedisOptions['Connector']>,
    sentinels: [...nodes],
    name,
    db: Number(db),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...sentinelLogin(parsed),
    sentinelCommandTimeout: SENTINEL_ANSWER_MS,
    // One round; what comes then is the client's own strategy.
    sentinelRetryStrategy: () => null,
  });
  leaveReplacedMasters(client, parsed);
  return client;
}

/**
 * ioredis' own, except where no sentinel answers or knows a master: that fails like a server that refuses connections,
 * so that the client's own strategy goes on trying, and what waits for the connection is rejected meanwhile. ioredis
 * would end the client for good, or with a strategy for sentinels leave commands unanswered for as long as it lasts.
 */
class MasterConnector extends SentinelConnector {
  override async connect(emit: (type: string, error: Error) => void): ReturnType<SentinelConnector['connect']> {
    // It goes on behind the sentinel that answered last, and at the end of the list calls all of them unreachable.
    this.sentinelIterator.reset(false);
    try {
      return await super.connect(emit);
    } catch (error) {
      // The client has been told to disconnect.
      if (!this.connecting) throw error;
      this.firstError = error as Error;
      return new Socket().destroy();
    }
  }
}

/**
 * A master that the sentinels have replaced may live on, cut off from them or merely slow: what it is told from then
 * on is lost. Whoever is connected to it learns it from them, and connects to its successor. Those who read over
 * connections of their own notice by themselves that nothing comes any more (LogReader, InboxReader).
 */
function leaveReplacedMasters(client: Redis, parsed: NodesUrl): void {
  let watches: Redis[] = [];
  let last = '';
  const onMessage = (_: string, text: string): void => {
    // Each sentinel tells it, some of them when the client has long left.
    if (!text.startsWith(`${parsed.name} `) || text === last) return;
    last = text;
    client.disconnect(true);
  };
  // For as long as a connection lasts: whoever connects asks them anyway.
  client.on('ready', () => {
    watches = parsed.nodes.map((node) => watch(node, parsed, onMessage));
  });
  client.on('close', () => {
    for (const sentinel of watches.splice(0)) sentinel.disconnect();
  });
}

function watch(node: HostPort, parsed: NodesUrl, onMessage: (channel: string, text: string) => void): Redis {
  const { sentinelUsername: username, sentinelPassword: password } = sentinelLogin(parsed);
  const sentinel = new Redis({
    ...node,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    enableReadyCheck: false,
    autoResubscribe: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => RECONNECT_MS,
  });
  // One that is away is no news: the others are asked.
  sentinel.on('error', () => {});
  sentinel.on('ready', () => sentinel.subscribe(FAILED_OVER).catch(() => {}));
  sentinel.on('message', onMessage);
  return sentinel;
}

function sentinelLogin({ params }: NodesUrl): { sentinelUsername?: string; sentinelPassword?: string } {
  const [sentinelUsername, sentinelPassword] = [params.get('sentinelUsername'), params.get('sentinelPassword')];
  return {
    ...(sentinelUsername === undefined ? {} : { sentinelUsername }),
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
  };
}
