import { type Cursor, formatCursor, formatSessionCursor, type Reset } from '@depthcast/protocol';
import type { Gateway } from '../gateway.ts';
import type { ResumeRequest } from '../resume/locator.ts';
import type { Partitions, Places } from './partitions.ts';

/**
 * What a client of views alone is told that came with a cursor: a `reset` frame when what follows the cursor cannot be
 * told in one of the partitions that it watches, else nothing. It gets the newest frames in any case.
 */
export async function viewReset(
  partitions: Partitions,
  request: ResumeRequest,
  concerned: readonly number[],
): Promise<string> {
  const [first] = partitions.all;
  if (!first) return '';
  if (partitions.count === 1) return await first.ladder.viewReset(request);
  const places = partitions.locate(request);
  const reason = 'lost' in places ? places.lost : await lostIn(partitions, places, concerned);
  if (!reason) return '';
  return first.ladder.resetFrame(reason, request.text, await endsOf(partitions));
}

/** Where what can be told begins and ends, as a `reset` says it. */
export async function endsOf({ all }: Partitions): Promise<Pick<Reset, 'earliest' | 'tail'>> {
  const earliest = await Promise.all(all.map(({ history }) => history.earliest()));
  return { earliest: sessionCursor(earliest), tail: sessionCursor(all.map(({ place }) => place)) };
}

async function lostIn(partitions: Partitions, places: Places, concerned: readonly number[]) {
  const asked = concerned.map(async (index) => {
    const place = places[index];
    if (!place) return undefined;
    const { ladder } = partitions.all[index] as Gateway;
    return await ladder.lostToViews({ text: formatCursor(place), fromHeader: true });
  });
  return (await Promise.all(asked)).find((reason) => reason !== undefined);
}

/** The id of a moment; null where that is not known of every partition. */
export function sessionCursor(cursors: readonly (Cursor | undefined)[]): string | null {
  const known = cursors.filter((cursor) => cursor !== undefined);
  return known.length === cursors.length ? formatSessionCursor(known) : null;
}
