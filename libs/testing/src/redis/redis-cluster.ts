import { Cluster, type ClusterOptions } from 'ioredis';
import { until } from '../until.ts';
import { startRedis, type TestRedis } from './redis.ts';

const SLOTS = 16_384;
const READY_TIMEOUT_MS = 20_000;

export interface TestRedisClusterOptions {
  /** Of each master; default none. */
  readonly replicas?: number;
  /** Whether what nodes have been told survives a kill and restart; default false. */
  readonly appendonly?: boolean;
}

/** A real Redis Cluster; each of its nodes is a {@link TestRedis}. */
export class TestRedisCluster {
  /** The masters it began with, then their replicas. */
  readonly nodes: readonly TestRedis[];
  readonly #clients = new Set<Cluster>();

  constructor(nodes: readonly TestRedis[]) {
    this.nodes = nodes;
  }

  get url(): string {
    return `redis+cluster://${this.nodes.map((node) => `127.0.0.1:${node.port}`).join(',')}`;
  }

  client(options: ClusterOptions = {}): Cluster {
    const client = new Cluster(
      this.nodes.map((node) => ({ host: '127.0.0.1', port: node.port })),
      options as object,
    );
    client.on('error', () => {});
    this.#clients.add(client);
    return client;
  }

  /** The node that serves a key, as those that run have it now. */
  async masterOf(key: string): Promise<TestRedis> {
    const asked = this.nodes.find((node) => node.pid !== undefined) as TestRedis;
    const client = asked.client();
    try {
      const slot = Number(await client.call('CLUSTER', 'KEYSLOT', key));
      const ranges = (await client.call('CLUSTER', 'SLOTS')) as [number, number, [string, number]][];
      const port = ranges.find(([first, last]) => first <= slot && slot <= last)?.[2][1];
      const master = this.nodes.find((node) => node.port === port);
      if (!master) throw new Error(`no node of this cluster serves ${key}`);
      return master;
    } finally {
      client.disconnect();
    }
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.disconnect();
    await Promise.all(this.nodes.map((node) => node.stop()));
  }
}

/** @param n masters; the slots are divided evenly among them. */
export async function startRedisCluster(n = 3, options: TestRedisClusterOptions = {}): Promise<TestRedisCluster> {
  const { replicas = 0, appendonly = false } = options;
  // Else a replica waits 5 s for others that might want the same copy.
  const config = ['--repl-diskless-sync-delay', '0'];
  const nodes = await Promise.all(
    Array.from({ length: n * (1 + replicas) }, () => startRedis({ cluster: true, appendonly, config })),
  );
  const cluster = new TestRedisCluster(nodes);
  try {
    await divideSlots(nodes.slice(0, n));
    await introduce(nodes);
    for (const [i, node] of nodes.slice(n).entries()) await replicate(nodes[i % n] as TestRedis, node);
    for (const node of nodes) {
      const info = async () => String(await node.client().call('CLUSTER', 'INFO'));
      await until(async () => (await info()).includes('cluster_state:ok'), READY_TIMEOUT_MS, 'cluster_state:ok');
    }
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return cluster;
}

async function divideSlots(masters: readonly TestRedis[]): Promise<void> {
  for (const [i, master] of masters.entries()) {
    const first = Math.floor((i * SLOTS) / masters.length);
    const last = Math.floor(((i + 1) * SLOTS) / masters.length) - 1;
    await master.client().call('CLUSTER', 'ADDSLOTSRANGE', first, last);
    // Without distinct epochs the nodes settle a conflict first, which takes them seconds.
    await master.client().call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1);
  }
}

async function introduce([first, ...others]: readonly TestRedis[]): Promise<void> {
  for (const node of others) {
    const busPort = (await node.client().config('GET', 'cluster-port')) as string[];
    await first?.client().call('CLUSTER', 'MEET', '127.0.0.1', node.port, busPort[1] as string);
  }
  for (const node of [first, ...others]) {
    const knowsAll = async () =>
      String(await node?.client().call('CLUSTER', 'INFO')).includes(`cluster_known_nodes:${others.length + 1}`);
    await until(knowsAll, READY_TIMEOUT_MS, 'nodes that know each other');
  }
}

async function replicate(master: TestRedis, replica: TestRedis): Promise<void> {
  const id = String(await master.client().call('CLUSTER', 'MYID'));
  const client = replica.client();
  await client.call('CLUSTER', 'REPLICATE', id);
  const follows = async () => (await client.info('replication')).includes('master_link_status:up');
  await until(follows, READY_TIMEOUT_MS, 'master_link_status:up');
}
