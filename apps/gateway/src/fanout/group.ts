import type { Cursor } from '@depthcast/protocol';
import type { ChainLink } from './encoder.ts';
import type { Filter } from './filter.ts';
import { type Format, formatId } from './format.ts';
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

  constructor(first: LogSession, nowMs: number) {
    this.key = first.key;
    this.publicKey = first.publicKey;
    this.filter = first.filter;
    this.format = first.format;
    this.prev = first.prev;
    this.lastWriteMs = nowMs;
  }

  add(session: LogSession): void {
    session.index = this.sessions.length;
    session.state = 'head';
    this.sessions.push(session);
  }

  /** Constant time: the last one takes the place. Order within a group means nothing. */
  remove(session: LogSession): void {
    const last = this.sessions.pop() as LogSession;
    if (last !== session) {
      this.sessions[session.index] = last;
      last.index = session.index;
    }
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
export function frameKey(
  { filter, format, key, publicKey, prev }: Group | LogSession,
  owners: ReadonlySet<string>,
): string {
  const isOwn = filter.account !== undefined && owners.has(filter.account);
  const wanted = isOwn ? key : publicKey;
  return format.chain && prev ? `${wanted}|${formatId(prev.cursor, prev.ordinal, 'cursor')}` : wanted;
}
