import { formatCursor } from '@depthcast/protocol';
import type { ReadRow } from '../stores/journal-store.ts';

/** The types that DuckDB writes into Parquet. A DOUBLE holds every price here: 15 digits come back as they were. */
export type ColumnType = 'VARCHAR' | 'BIGINT' | 'DOUBLE' | 'BOOLEAN';

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
}

/** One kind of rows that can be asked for: which events they are, and how they are said as JSON and as a table. */
export interface RowKind {
  /** The list's name in a JSON answer. */
  readonly name: string;
  readonly types: readonly string[] | undefined;
  readonly json: (row: ReadRow) => string;
  readonly columns: readonly Column[];
  /** A value for each column, as text; undefined where there is none. */
  readonly values: (row: ReadRow) => (string | undefined)[];
}

const EVENT_MEMBERS = {
  type: 'VARCHAR',
  symbol: 'VARCHAR',
  account: 'VARCHAR',
  ts_us: 'BIGINT',
  data: 'VARCHAR',
} as const;

export const KINDS = {
  updates: flat('updates', 'bbo', {
    symbol: 'VARCHAR',
    bidPrice: 'DOUBLE',
    bidQty: 'DOUBLE',
    askPrice: 'DOUBLE',
    askQty: 'DOUBLE',
    timestamp: 'BIGINT',
    serverTimestamp: 'BIGINT',
    backendLatency: 'BIGINT',
  }),
  trades: flat('trades', 'trade', {
    symbol: 'VARCHAR',
    ts_ns: 'BIGINT',
    trade_id: 'BIGINT',
    price: 'DOUBLE',
    qty: 'DOUBLE',
    side: 'VARCHAR',
  }),
  candles: flat('candles', 'kline', {
    symbol: 'VARCHAR',
    interval: 'VARCHAR',
    open_ts: 'BIGINT',
    open: 'DOUBLE',
    high: 'DOUBLE',
    low: 'DOUBLE',
    close: 'DOUBLE',
    volume: 'DOUBLE',
    buy_volume: 'DOUBLE',
    trades: 'BIGINT',
    vwap: 'DOUBLE',
    sma: 'DOUBLE',
    ema: 'DOUBLE',
    closed: 'BOOLEAN',
  }),
  events: {
    name: 'events',
    types: undefined,
    json: (row) => `{"id":"${formatCursor(row)}","type":"${row.type}","data":${row.payload}}`,
    columns: columnsOf({ id: 'VARCHAR', ...EVENT_MEMBERS }),
    values: (row) => [formatCursor(row), ...eventValues(row)],
  },
} as const satisfies Record<string, RowKind>;

/** Where there are several, an event's id is one within its partition. */
export const PARTITIONED_EVENTS: RowKind = {
  ...KINDS.events,
  json: (row) =>
    `{"id":"${formatCursor(row)}","partition":${row.partition},"type":"${row.type}","data":${row.payload}}`,
  columns: columnsOf({ id: 'VARCHAR', partition: 'BIGINT', ...EVENT_MEMBERS }),
  values: (row) => [formatCursor(row), String(row.partition), ...eventValues(row)],
};

export type KindName = keyof typeof KINDS;
export const KIND_NAMES = Object.keys(KINDS) as KindName[];

function eventValues({ type, symbol, account, tsUs, payload }: ReadRow): (string | undefined)[] {
  return [type, symbol ?? undefined, account ?? undefined, String(tsUs), payload];
}

/** Events of one type whose payloads have no member inside another: each is a row as it stands, behind its id. */
function flat(name: string, type: string, members: Record<string, ColumnType>): RowKind {
  const names = Object.keys(members);
  return {
    name,
    types: [type],
    json: ({ payload }) => payload,
    columns: columnsOf({ id: 'VARCHAR', ...members }),
    values: (row) => {
      const texts = literals(row.payload);
      return [formatCursor(row), ...names.map((member) => texts.get(member))];
    },
  };
}

function columnsOf(types: Record<string, ColumnType>): readonly Column[] {
  return Object.entries(types).map(([name, type]) => ({ name, type }));
}

const MEMBER = /"(\w+)":(?:"([^"\\]*)"|([^,}"]+))/g;

/** The members' texts as they stand: a Number would lose digits of `ts_ns`, and the zeros of a price. */
function literals(payload: string): Map<string, string> {
  const texts = new Map<string, string>();
  for (const [, name = '', quoted, bare] of payload.matchAll(MEMBER)) {
    const text = quoted ?? bare;
    if (text !== undefined && text !== 'null') texts.set(name, text);
  }
  return texts;
}
