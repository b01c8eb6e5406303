import type { Cursor } from '@depthcast/protocol';
import { stringify } from 'csv-stringify/sync';
import type { ReadRow } from '../stores/journal-store.ts';
import type { PlaceOfEach, Scope } from './places.ts';
import type { RowKind } from './row-kinds.ts';

export type Pages = AsyncIterable<readonly ReadRow[]>;

/** How the rows of an answer were found, for what is said behind them. */
export interface JsonPage {
  readonly kind: RowKind;
  /** Members before the list. */
  readonly head: Readonly<Record<string, string | null>>;
  /** Rows in the order of the log: one more than `limit` shows that there are more. */
  readonly rows: Pages;
  readonly limit: number;
  /** Says places. */
  readonly scope: Scope;
  /** Where the rows begin. */
  readonly after: PlaceOfEach;
  /** Rows beyond the list's end, such as the bar that is still open; asked for only where the list is at its end. */
  readonly last?: () => Promise<readonly ReadRow[]>;
  /** The cursor before which there is more, where it is known. */
  readonly previous?: string | null;
}

/**
 * A JSON answer in pieces, a page of rows each, so that no more than that is held: the stored bytes, neither parsed nor
 * made anew. `next` is what `after` takes to go on, null at the end.
 */
export async function* jsonPieces(page: JsonPage): AsyncGenerator<string> {
  const { kind, head, rows, limit, last, previous, scope } = page;
  const members = Object.entries(head).map(([name, value]) => `"${name}":${JSON.stringify(value)},`);
  let text = `{${members.join('')}"${kind.name}":[`;
  let count = 0;
  let next: string | null = null;
  const passed: (Cursor | undefined)[] = [...page.after];
  const add = (row: ReadRow) => {
    text += (count++ === 0 ? '' : ',') + kind.json(row);
    passed[row.partition] = row;
  };
  for await (const page of rows) {
    for (const row of page) {
      if (count === limit) next ??= scope.format(passed);
      else add(row);
    }
    yield text;
    text = '';
  }
  if (next === null && last) for (const row of await last()) add(row);
  const before = previous === undefined ? '' : `,"previous":${JSON.stringify(previous)}`;
  yield `${text}],"count":${count},"next":${JSON.stringify(next)}${before}}`;
}

/** CSV by RFC 4180, the names of the columns first. */
export async function* csvPieces(kind: RowKind, rows: Pages): AsyncGenerator<string> {
  let text = csv([kind.columns.map(({ name }) => name)]);
  for await (const page of rows) {
    yield text + csv(page.map(kind.values));
    text = '';
  }
  if (text !== '') yield text;
}

function csv(records: readonly (readonly (string | undefined)[])[]): string {
  return stringify(records as string[][], { record_delimiter: 'windows' });
}

/** The first rows of it all, as many as `limit` allows. */
export async function* firstRows(rows: Pages, limit: number): Pages {
  let left = limit;
  for await (const page of rows) {
    yield page.length > left ? page.slice(0, left) : page;
    left -= page.length;
    if (left <= 0) return;
  }
}
