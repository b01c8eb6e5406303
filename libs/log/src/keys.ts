/** The names of everything Depthcast keeps in Redis. `{p}` is a hash tag: one partition is one Redis Cluster slot. */
export interface PartitionKeys {
  readonly partition: number;
  /** Stream, auto ids: inputs. */
  readonly inbox: string;
  /** Stream, explicit ids: events. */
  readonly log: string;
  /** Hash: where the log ends, and who may append. */
  readonly tip: string;
  /** Hash: the last two engine snapshots. */
  readonly snapshot: string;
  /** String with a time to live: the engine that appends. For efficiency only; the fence is what makes it safe. */
  readonly leader: string;
  /** String: every account's balances, positions and orders at a cursor. */
  readonly accounts: string;
  /** String: one book at a cursor. */
  book(symbol: string): string;
}

/** Hash: partition count and format version, set by the first start. */
export const CLUSTER_KEY = 'depthcast:cluster';

export function partitionKeys(partition = 0): PartitionKeys {
  const prefix = `depthcast:{${partition}}`;
  return {
    partition,
    inbox: `${prefix}:inbox`,
    log: `${prefix}:log`,
    tip: `${prefix}:tip`,
    snapshot: `${prefix}:snapshot`,
    leader: `${prefix}:leader`,
    accounts: `${prefix}:accounts`,
    book: (symbol) => `${prefix}:book:${symbol}`,
  };
}
