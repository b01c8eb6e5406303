import type { Fanout } from '../fanout/fanout.ts';
import type { LogSession } from '../fanout/session.ts';
import type { Snapshot } from './snapshot-frames.ts';

/** A session, and how what it wants of its partition stands. */
export interface Shown {
  readonly fanout: Fanout;
  readonly session: LogSession;
  readonly snapshot: Snapshot;
}

/**
 * Shows the sessions of one connection how things stand, gives the id of that moment, behind all of it, and goes on in
 * each from exactly there. In one turn: an id before the end would leave out, for who comes back with it, what was still
 * to be shown.
 */
export function showAll(shown: readonly Shown[]): void {
  for (const { fanout, session, snapshot } of shown) {
    const { cursor, position } = snapshot;
    for (const bytes of snapshot.onWire(session.format.framing)) session.sink.write(bytes);
    // The snapshot's book_status is the log's: whether events come at all is to be told again.
    if (session.toldStale) session.toldStale = undefined;
    session.cursor = cursor;
    session.sent = cursor;
    session.prev = cursor && fanout.link(cursor);
    session.position = position;
  }
  const first = shown.find(({ session }) => session.cursor);
  first?.fanout.writeId(first.session);
  for (const { fanout, session } of shown) fanout.proceed(session);
}
