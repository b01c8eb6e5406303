import type { LogEntry } from '@depthcast/log';
import { describe, expect, it } from '@jest/globals';
import { DuckDbStore } from '../stores/duckdb/duckdb-store.ts';
import { copyText } from '../stores/postgres/copy-text.ts';
import { compareOverlap } from './overlap.ts';
import { RowAdapter } from './row-adapter.ts';

/** None of it is what an engine writes; a log may hold it. */
const STRANGE: readonly (readonly [topic: string, payload: string | Buffer])[] = [
  ['trade:BTCUSD', '{"type":"trade","trade_id":10000000000000000000,"price":1}'],
  ['trade:BTCUSD', '{"type":"trade","trade_id":1.5,"ts_ns":123456789012345678901234567890}'],
  ['kline:BTCUSD', '{"type":"kline","open_ts":1e300,"closed":true}'],
  ['fill:BTCUSD:alice', '{"type":"fill","client_order_id":"a\\u0000b\\ud800"}'],
  ['note\0:BTC\0USD:a\0', 'a\0b'],
  ['note:BTCUSD:alice:and:more', '{}'],
  ['note:', '\\ \t \r "'],
  ['', ''],
  ['note::', Buffer.from([0x22, 0xff, 0xc3, 0x28, 0x00, 0x22])],
];

describe('entries that no engine wrote', () => {
  it('are stored, and found to be what the log holds', async () => {
    const entries = STRANGE.map(
      ([topic, payload], offset): LogEntry => ({ epoch: 7, offset, topic, payload: Buffer.from(payload) }),
    );
    const adapter = new RowAdapter();
    const rows = entries.map((entry) => adapter.row(entry));
    const store = new DuckDbStore({ file: ':memory:' });
    await store.open();
    const cursor = { epoch: 7, offset: rows.length - 1 };
    const records = { epochs: [], holes: [], orphanedAfter: [] };
    await store.commit({ partition: 0, after: null, rows, position: { cursor, tsUs: 0, clockUs: 0 }, ...records });
    expect(await compareOverlap(store, 0, entries)).toBe(entries.length);
    await store.close();
    // PostgreSQL takes every character but this one.
    expect([...copyText(0, rows)].join('')).not.toContain('\0');
  });
});
