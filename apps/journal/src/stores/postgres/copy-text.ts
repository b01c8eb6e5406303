import type { EventRow } from '../event-row.ts';
import { type ColumnValue, EVENT_COLUMNS, type EventColumn } from '../event-table.ts';

/** Large enough that the stream costs nothing, small enough that a batch never stands in memory twice. */
const PIECE_CHARS = 256 * 1_024;
const TO_ESCAPE = /[\\\n\r\t]/;
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Rows as lines of COPY's text format, in pieces. https://www.postgresql.org/docs/15/sql-copy.html */
export function* copyText(partition: number, rows: readonly EventRow[]): Generator<string> {
  let piece = '';
  for (const row of rows) {
    let separator = '';
    for (const column of EVENT_COLUMNS) {
      piece += separator + cell(column, column.of(row, partition));
      separator = '\t';
    }
    piece += '\n';
    if (piece.length < PIECE_CHARS) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

function cell({ type }: EventColumn, value: ColumnValue): string {
  if (value === null || value === undefined) return '\\N';
  if (type === 'BIGINT' && !Number.isSafeInteger(value))
    throw new RangeError(`${value} is not a whole number below 2^53`);
  if (typeof value !== 'string') return String(value);
  return TO_ESCAPE.test(value) ? value.replace(/[\\\n\r\t]/g, (char) => ESCAPES[char] as string) : value;
}
