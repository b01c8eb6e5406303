import { until } from '../until.ts';
import { startRedis, type TestRedis } from './redis.ts';

const MASTER_NAME = 'depthcast';
const READY_TIMEOUT_MS = 20_000;
const FAILOVER_TIMEOUT_MS = 20_000;

export interface TestRedisSentinelOptions {
  readonly replicas?: number;
  readonly sentinels?: number;
  /** For how long a master must be silent before sentinels replace it; default 500. */
  readonly downAfterMs?: number;
  /** Whether what servers have been told survives a kill and restart; default false. */
  readonly appendonly?: boolean;
}

/** A master, its replicas, and the sentinels that replace it: real processes, each a {@link TestRedis}. */
export class TestRedisSentinel {
  /** The master it began with, then its replicas. */
  readonly servers: readonly TestRedis[];
  readonly sentinels: readonly TestRedis[];

  constructor(servers: readonly TestRedis[], sentinels: readonly TestRedis[]) {
    this.servers = servers;
    this.sentinels = sentinels;
  }

  get url(): string {
    return `redis+sentinel://${this.sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')}/${MASTER_NAME}`;
  }

  /** Whom the first sentinel that runs calls the master now. */
  async master(): Promise<TestRedis> {
    const asked = this.sentinels.find((sentinel) => sentinel.pid !== undefined) as TestRedis;
    const client = asked.client();
    try {
      const [, port] = (await client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER_NAME)) as [string, string];
      return this.servers.find((server) => server.port === Number(port)) as TestRedis;
    } finally {
      client.disconnect();
    }
  }

  /** Resolves with the master once it is another one than `before`, and takes writes. */
  async successorOf(before: TestRedis): Promise<TestRedis> {
    const successor = async () => {
      const master = await this.master();
      const isMaster = master !== before && (await master.client().info('replication')).includes('role:master');
      return isMaster && master;
    };
    return until(successor, FAILOVER_TIMEOUT_MS, 'another master');
  }

  async stop(): Promise<void> {
    // The sentinels first: they would see the servers die, and act on it.
    await Promise.all(this.sentinels.map((sentinel) => sentinel.stop()));
    await Promise.all(this.servers.map((server) => server.stop()));
  }
}

/** Resolves when every sentinel knows the replicas and the other sentinels: from then on the master may die. */
export async function startRedisSentinel(options: TestRedisSentinelOptions = {}): Promise<TestRedisSentinel> {
  const { replicas = 1, sentinels: count = 3, appendonly = false } = options;
  const config = ['--repl-diskless-sync-delay', '0'];
  const server = () => startRedis({ appendonly, config, hasPeers: true });
  const servers = await Promise.all(Array.from({ length: 1 + replicas }, server));
  const [master, ...followers] = servers as [TestRedis, ...TestRedis[]];
  const sentinels: TestRedis[] = [];
  try {
    await Promise.all(followers.map((follower) => follow(follower, master)));
    const text = configOf(master, Math.floor(count / 2) + 1, options.downAfterMs ?? 500);
    const starts = Array.from({ length: count }, () => startRedis({ sentinel: text, hasPeers: true }));
    for (const start of starts) sentinels.push(await start);
    await Promise.all(sentinels.map((sentinel) => knowsAll(sentinel, replicas, count - 1)));
  } catch (error) {
    await new TestRedisSentinel(servers, sentinels).stop();
    throw error;
  }
  return new TestRedisSentinel(servers, sentinels);
}

function configOf(master: TestRedis, quorum: number, downAfterMs: number): string {
  return [
    `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${master.port} ${quorum}`,
    `sentinel down-after-milliseconds ${MASTER_NAME} ${downAfterMs}`,
    // A failover that did not come about is tried again after twice as long.
    `sentinel failover-timeout ${MASTER_NAME} 3000`,
    `sentinel parallel-syncs ${MASTER_NAME} 2`,
    '',
  ].join('\n');
}

async function follow(replica: TestRedis, master: TestRedis): Promise<void> {
  const client = replica.client();
  await client.replicaof('127.0.0.1', master.port);
  const follows = async () => (await client.info('replication')).includes('master_link_status:up');
  await until(follows, READY_TIMEOUT_MS, 'master_link_status:up');
}

async function knowsAll(sentinel: TestRedis, replicas: number, others: number): Promise<void> {
  const client = sentinel.client();
  const knows = async () => {
    const flat = (await client.call('SENTINEL', 'MASTER', MASTER_NAME)) as string[];
    const field = (name: string) => Number(flat[flat.indexOf(name) + 1]);
    return field('num-slaves') === replicas && field('num-other-sentinels') === others;
  };
  await until(knows, READY_TIMEOUT_MS, 'a sentinel that knows all others');
}
