import { type Cursor, compareCursors, type ResetReason } from '@depthcast/protocol';
import type { ChainLink } from './encoder.ts';
import type { Filter } from './filter.ts';
import { type Format, formatKey, type Stamp } from './format.ts';
import type { Group } from './group.ts';
import type { RateBudget } from './rates.ts';

/** What a session writes to. A `net.Socket` is one. */
export interface Sink {
  write(bytes: Uint8Array, written?: (error?: Error | null) => void): boolean;
  /** Bytes that wait because the client has not taken what was written before. */
  readonly writableLength: number;
  /** It may read what it was given after `writableLength` is 0: nobody may use those bytes again. */
  readonly keepsBytes?: boolean;
  /** Ends the connection: the client comes back with its last id. */
  destroy(): unknown;
}

/**
 * - `waiting`: somebody else is finding out where it goes on (Redis, another gateway's lead);
 * - `head`: in its group, gets each batch as it comes;
 * - `behind`: catching up from the window;
 * - `draining`: its socket has not taken the last write; nothing more is written until it has;
 * - `held`: it has been sent as much as its rate allows.
 */
export type SessionState = 'waiting' | 'head' | 'behind' | 'draining' | 'held' | 'closed';

/** What else is on a session's connection. */
export interface Companion {
  /** The client has been told to begin anew, and shown what this session has to show. */
  onReset(): void;
  /** The session has come to the head of the log, within the turn of others: whatever is to be done comes later. */
  onHead?(): void;
}

/** The sessions of a connection to several partitions, one in each, as each of them sees it. */
export interface Ensemble {
  /** All of them are at the head, and so share their frames with others like them. */
  readonly isAligned: boolean;
  /** What else they share their frames with: nobody. */
  readonly key: string;
  stampOf(session: LogSession): Stamp;
  /** It has come to the head; not within a group's own write. */
  onHead(session: LogSession): void;
  /** It has left the head. */
  onLeft(session: LogSession): void;
  /** One of them cannot be told what follows its cursor: all begin anew. Never rejects. */
  reset(reason: ResetReason): Promise<void>;
}

/** Where a session that is not at the head goes on, when it is not in the window. */
export const NOWHERE = -1;

/**
 * One subscription to the log: a cursor, not a queue. It holds no entries; a slow one stays behind in the window, and
 * then in Redis, at no cost to anybody.
 */
export class LogSession {
  readonly sink: Sink;
  readonly format: Format;
  readonly companion: Companion | undefined;
  #key = '';
  /** Those of one public key share frames where there is nothing private of either. */
  publicKey = '';
  state: SessionState = 'waiting';
  /** The next entry to send, or {@link NOWHERE}. */
  position = NOWHERE;
  /** Everything up to here that matches has been written. `undefined`: nothing, it begins where the log does. */
  cursor: Cursor | undefined;
  /** The last id written to the client: what it would come back with. */
  sent: Cursor | undefined;
  prev: ChainLink | undefined;
  /** Its group, while it is at the head, and its place in that one's list. */
  group: Group | undefined;
  index = NOWHERE;
  /** Whose log it is of. */
  partition = 0;
  /** Where its connection is to several partitions. */
  ensemble: Ensemble | undefined;
  /** Where its connection has a rate. */
  budget: RateBudget | undefined;
  /** How far behind it was when it began, or when nobody but itself last held it up: what it may fall back from. */
  lagBefore: number | undefined;
  lastWriteMs = 0;
  /** It has been told that what it watches is stale. `undefined`: told what may not hold any more. */
  toldStale: boolean | undefined = false;
  /** Made at the first slow write and kept: fast sessions never pay for it. */
  onDrained: ((error?: Error | null) => void) | undefined;
  #filter: Filter;

  constructor(sink: Sink, filter: Filter, format: Format, companion?: Companion) {
    this.sink = sink;
    this.format = format;
    this.companion = companion;
    this.#filter = filter;
    this.filter = filter;
  }

  get filter(): Filter {
    return this.#filter;
  }

  /** Not while it is in a group. */
  set filter(filter: Filter) {
    this.#filter = filter;
    this.#key = `${filter.key}|${formatKey(this.format)}`;
    this.publicKey = `${filter.publicKey}|${formatKey(this.format)}`;
  }

  /** Sessions of one key share groups and frames. */
  get key(): string {
    const { ensemble } = this;
    return ensemble && !ensemble.isAligned ? `${this.#key}|${ensemble.key}` : this.#key;
  }

  /** What stands around its cursor in the ids that its client is given; nothing where there is one partition. */
  get stamp(): Stamp | undefined {
    return this.ensemble?.stampOf(this);
  }

  /** It has to be looked at before each write: others write to its socket, or it has a rate. */
  get isWatched(): boolean {
    return this.budget !== undefined || this.companion !== undefined || this.ensemble !== undefined;
  }

  get isClosed(): boolean {
    return this.state === 'closed';
  }

  /** The client has been given the id of `cursor`. */
  noteSent(cursor: Cursor | undefined): void {
    if (cursor && (!this.sent || compareCursors(cursor, this.sent) > 0)) this.sent = cursor;
  }
}
