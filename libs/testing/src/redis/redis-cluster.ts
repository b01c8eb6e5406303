import { Cluster, type ClusterOptions } from 'ioredis';
import { until } from '../until.ts';
import { startRedis, type TestRedis } from './redis.ts';

const SLOTS = 16_384;
const READY_TIMEOUT_MS = 20_000;

/** A real Redis Cluster of masters, each a {@link TestRedis}. */
export class TestRedisCluster {
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

  async stop(): Promise<void> {
    for (const client of this.#clients) client.disconnect();
    await Promise.all(this.nodes.map((node) => node.stop()));
  }
}

/** @param n masters; the slots are divided evenly among them. There are no replicas. */
export async function startRedisCluster(n = 3): Promise<TestRedisCluster> {
  const nodes = await Promise.all(Array.from({ length: n }, () => startRedis({ cluster: true })));
  const cluster = new TestRedisCluster(nodes);
  const clients = nodes.map((node) => node.client());
  try {
    for (const [i, client] of clients.entries()) {
      const first = Math.floor((i * SLOTS) / n);
      const last = Math.floor(((i + 1) * SLOTS) / n) - 1;
      await client.call('CLUSTER', 'ADDSLOTSRANGE', first, last);
      // Without distinct epochs the nodes settle a conflict first, which takes them seconds.
      await client.call('CLUSTER', 'SET-CONFIG-EPOCH', i + 1);
    }
    for (const node of nodes.slice(1)) {
      const busPort = (await node.client().config('GET', 'cluster-port')) as string[];
      await clients[0]?.call('CLUSTER', 'MEET', '127.0.0.1', node.port, busPort[1] as string);
    }
    for (const client of clients) {
      const ready = async () => {
        const info = String(await client.call('CLUSTER', 'INFO'));
        return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${n}`);
      };
      await until(ready, READY_TIMEOUT_MS, 'cluster_state:ok');
    }
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return cluster;
}
