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
  /** String: the journal's last durable cursor. While it is there, nothing beyond it is trimmed. */
  readonly watermark: string;
  /** String: one book at a cursor. */
  book(symbol: string): string;
}

/** Hash: partition count and format version, set by the first start. */
export const CLUSTER_KEY = 'depthcast:cluster';

/** Pub/Sub: what may be lost, such as the notice that a token has been revoked. */
export const CONTROL_CHANNEL = 'depthcast:control';

/** String with a time to live: a one-time ticket for a stream, under its hash. */
export function ticketKey(hash: string): string {
  return `depthcast:ticket:${hash}`;
}

/** String with a time to live: while it is there, tokens with this `jti` are refused. */
export function revokedKey(jti: string): string {
  return `depthcast:revoked:${jti}`;
}

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
    watermark: `${prefix}:watermark`,
    book: (symbol) => `${prefix}:book:${symbol}`,
  };
}
