import type { Cursor } from '@depthcast/protocol';
import type { ChainLink } from './encoder.ts';
import type { Filter } from './filter.ts';
import { type Format, formatLink, type Stamp } from './format.ts';
import { type LogSession, NOWHERE } from './session.ts';

/** The sessions of one filter and format that are at the head of the log: one buffer serves them all. */
export class Group {
  readonly key: string;
  readonly publicKey: string;
  readonly filter: Filter;
  readonly format: Format;
  readonly sessions: LogSession[] = [];
  /** The last id that all of them have been given since they joined; none before the first. */
  sent: Cursor | undefined;
  /**
   * The last matching event known, or what the first session resumed from. No member's client is behind it: whoever
   * joins has been given everything up to the head.
   */
  prev: ChainLink | undefined;
  lastWriteMs: number;
  /** Of its sessions, those that have to be looked at before each write. */
  watched = 0;

  constructor(first: LogSession, nowMs: number) {
    this.key = first.key;
    this.publicKey = first.publicKey;
    this.filter = first.filter;
    this.format = first.format;
    this.prev = first.prev;
    this.lastWriteMs = nowMs;
  }

  /** What stands around the cursor in its members' ids: of all that share it the same. */
  get stamp(): Stamp | undefined {
    return this.sessions[0]?.stamp;
  }

  add(session: LogSession): void {
    session.group = this;
    session.index = this.sessions.length;
    session.state = 'head';
    session.lagBefore = 0;
    if (session.isWatched) this.watched++;
    this.sessions.push(session);
  }

  /** Constant time: the last one takes the place. Order within a group means nothing. */
  remove(session: LogSession): void {
    const last = this.sessions.pop() as LogSession;
    if (last !== session) {
      this.sessions[session.index] = last;
      last.index = session.index;
    }
    if (session.isWatched) this.watched--;
    session.group = undefined;
    session.index = NOWHERE;
    session.prev = this.prev;
    session.noteSent(this.sent);
  }

  /**
   * One write a session, without callback or closure: with no callback and no need for a drain event, Node takes its
   * shortest path. Sessions whose kernel buffer is full come back in `slow`, out of the group.
   */
  write(bytes: Buffer, slow: LogSession[]): void {
    const { sessions } = this;
    // Backwards, so that removing one moves only those that have been written to.
    for (let i = sessions.length - 1; i >= 0; i--) {
      const session = sessions[i] as LogSession;
      session.sink.write(bytes);
      if (session.sink.writableLength > 0) slow.push(session);
    }
  }
}

/** What the frames of a range are made of besides the range. @param owners of whom something private is in it. */
export function frameKey(of: Group | LogSession, owners: ReadonlySet<string>): string {
  const { filter, format, prev, stamp } = of;
  const isOwn = filter.account !== undefined && owners.has(filter.account);
  let key = isOwn ? of.key : of.publicKey;
  if (stamp) key += `|${stamp.before}+${stamp.after}`;
  if (format.chain && prev) key += `|${formatLink(prev.cursor, prev.ordinal, 'cursor')}`;
  return key;
}
