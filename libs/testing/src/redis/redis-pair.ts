import { TcpProxy } from '../tcp-proxy.ts';
import { until } from '../until.ts';
import { startRedis, type TestRedis, type TestRedisOptions } from './redis.ts';

const SYNC_TIMEOUT_MS = 20_000;

/**
 * A master and its replica behind one address, as a cloud's managed Redis or a Sentinel with a virtual address shows
 * them. Replication is asynchronous, so a failover can lose what the replica had not got: {@link cutReplication} says
 * from when on.
 */
export class TestRedisPair {
  readonly master: TestRedis;
  readonly replica: TestRedis;
  /** What apps connect to. It leads to the master until {@link promote}. */
  readonly address: TcpProxy;
  readonly #replication: TcpProxy;

  constructor(master: TestRedis, replica: TestRedis, address: TcpProxy, replication: TcpProxy) {
    this.master = master;
    this.replica = replica;
    this.address = address;
    this.#replication = replication;
  }

  get url(): string {
    return this.address.url;
  }

  /** What the master is told from now on, the replica will never know. */
  cutReplication(): void {
    this.#replication.cut();
  }

  /** The failover: the replica is the master now, and the address leads to it. The old one lives on. */
  async promote(): Promise<void> {
    await this.replica.client().replicaof('NO', 'ONE');
    this.address.retarget(this.replica);
  }

  async stop(): Promise<void> {
    await Promise.all([this.address.close(), this.#replication.close()]);
    await Promise.all([this.master.stop(), this.replica.stop()]);
  }
}

/** Resolves when the replica follows. */
export async function startRedisPair(options: Omit<TestRedisOptions, 'port' | 'cluster'> = {}): Promise<TestRedisPair> {
  const config = ['--repl-diskless-sync-delay', '0', ...(options.config ?? [])];
  const [master, replica] = await Promise.all([startRedis({ ...options, config }), startRedis({ ...options, config })]);
  const [address, replication] = await Promise.all([TcpProxy.start(master), TcpProxy.start(master)]);
  const client = replica.client();
  await client.replicaof('127.0.0.1', replication.port);
  const follows = async () => (await client.info('replication')).includes('master_link_status:up');
  await until(follows, SYNC_TIMEOUT_MS, 'master_link_status:up');
  return new TestRedisPair(master, replica, address, replication);
}
