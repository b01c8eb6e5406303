import type { EventColumns, EventRow } from './event-row.ts';

export type ColumnType = 'INTEGER' | 'BIGINT' | 'DOUBLE' | 'BOOLEAN' | 'VARCHAR';
export type ColumnValue = string | number | boolean | null | undefined;

/**
 * Closed bars are few and asked for over long ranges: they stand in a table of their own as well, of the same columns.
 * In `events` each would cost reading thousands of its neighbours.
 */
export function isClosedBar(row: EventRow): boolean {
  return row.columns?.closed === true;
}

/** One column of the table `journal_tables.events`, the same in both databases. */
export interface EventColumn {
  readonly name: string;
  readonly type: ColumnType;
  readonly required?: true;
  /** Null and undefined are NULL. */
  readonly of: (row: EventRow, partition: number) => ColumnValue;
}

const TYPED: readonly (readonly [name: string, type: ColumnType, member: keyof EventColumns])[] = [
  ['price', 'DOUBLE', 'price'],
  ['qty', 'DOUBLE', 'qty'],
  ['side', 'VARCHAR', 'side'],
  ['trade_id', 'BIGINT', 'tradeId'],
  ['bid_price', 'DOUBLE', 'bidPrice'],
  ['bid_qty', 'DOUBLE', 'bidQty'],
  ['ask_price', 'DOUBLE', 'askPrice'],
  ['ask_qty', 'DOUBLE', 'askQty'],
  ['latency_ms', 'DOUBLE', 'latencyMs'],
  ['interval', 'VARCHAR', 'interval'],
  ['open_ts', 'BIGINT', 'openTs'],
  ['open', 'DOUBLE', 'open'],
  ['high', 'DOUBLE', 'high'],
  ['low', 'DOUBLE', 'low'],
  ['close', 'DOUBLE', 'close'],
  ['volume', 'DOUBLE', 'volume'],
  ['closed', 'BOOLEAN', 'closed'],
  ['client_order_id', 'VARCHAR', 'clientOrderId'],
  ['status', 'VARCHAR', 'status'],
];

/** In the table's order, which is also that of bulk loads. */
export const EVENT_COLUMNS: readonly EventColumn[] = [
  { name: 'partition', type: 'INTEGER', required: true, of: (_, partition) => partition },
  { name: 'epoch', type: 'BIGINT', required: true, of: (row) => row.epoch },
  { name: 'offset', type: 'BIGINT', required: true, of: (row) => row.offset },
  { name: 'type', type: 'VARCHAR', required: true, of: (row) => row.type },
  { name: 'symbol', type: 'VARCHAR', of: (row) => row.symbol },
  { name: 'account', type: 'VARCHAR', of: (row) => row.account },
  { name: 'ts_us', type: 'BIGINT', required: true, of: (row) => row.tsUs },
  { name: 'clock_us', type: 'BIGINT', required: true, of: (row) => row.clockUs },
  { name: 'orphaned', type: 'BOOLEAN', required: true, of: () => false },
  { name: 'payload', type: 'VARCHAR', required: true, of: (row) => row.payload },
  ...TYPED.map(([name, type, member]) => ({ name, type, of: (row: EventRow) => row.columns?.[member] })),
];

/** The columns as SQL defines them; `typeOf` gives a database's own words for a column's type. */
export function columnDefinitions(typeOf: (column: EventColumn) => string): string {
  return EVENT_COLUMNS.map((column) => `"${column.name}" ${typeOf(column)}${column.required ? ' NOT NULL' : ''}`).join(
    ', ',
  );
}
