import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '@depthcast/testing';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ChildStore, expectWholeHistory, survivesKills } from '../../testing/child-store.ts';
import { childRow, EPOCH } from '../../testing/store-child.ts';
import { storeContract } from '../../testing/store-contract.ts';
import type { EventRow } from '../event-row.ts';
import { EVENT_COLUMNS } from '../event-table.ts';
import { SCHEMA_NAME } from '../schema.ts';
import type { DuckDbOptions } from './duckdb-file.ts';
import { DuckDbStore } from './duckdb-store.ts';

storeContract('DuckDbStore', false, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'depthcast-duckdb-'));
  return {
    async open() {
      const store = new DuckDbStore({ file: join(folder, 'journal.duckdb') });
      await store.open();
      return store;
    },
    remove: async () => rmSync(folder, { recursive: true, force: true }),
  };
});

describe('the file of DuckDbStore', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'depthcast-duckdb-'));
    file = join(folder, 'journal.duckdb');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const open = async (options: Partial<DuckDbOptions> = {}): Promise<DuckDbStore> => {
    const store = new DuckDbStore({ file, ...options });
    await store.open();
    return store;
  };
  /** Every file of the folder, by its bytes. */
  const hashes = () =>
    Object.fromEntries(
      readdirSync(folder).map((name) => [
        name,
        createHash('sha256')
          .update(readFileSync(join(folder, name)))
          .digest('hex'),
      ]),
    );
  const expectUntouched = async (message: RegExp): Promise<void> => {
    const before = hashes();
    const error = await open().then(
      () => undefined,
      (reason) => reason,
    );
    expect(error).toMatchObject({ code: 'JOURNAL_STORE_UNUSABLE', message: expect.stringMatching(message) });
    expect(error.message).toContain(file);
    expect(hashes()).toEqual(before);
  };
  const store700 = async (options: Partial<DuckDbOptions> = {}): Promise<DuckDbStore> => {
    const store = await open(options);
    const rows = Array.from({ length: 700 }, (_, i) => childRow(i));
    const position = {
      cursor: { epoch: EPOCH, offset: 699 },
      tsUs: rows[699]?.tsUs ?? 0,
      clockUs: rows[699]?.clockUs ?? 0,
    };
    await store.commit({ partition: 3, after: null, rows, position, epochs: [], holes: [], orphanedAfter: [] });
    return store;
  };

  it('is whole after SIGKILL at any moment, while storing, dropping and writing checkpoints', async () => {
    await survivesKills(file, 8, open);
  }, 120_000);

  it('is left untouched while another process holds it, whose pid is named', async () => {
    const child = new ChildStore(file, 'hold');
    try {
      await child.beyond(0);
      await expectUntouched(new RegExp(`another process holds it.*${child.process.pid}`));
    } finally {
      await child.kill();
    }
    const store = await open();
    await expectWholeHistory(store, 699);
    await store.close();
  }, 60_000);

  it('is not opened twice by this process, by whatever name', async () => {
    const store = await store700();
    await expectUntouched(/this process has it open/);
    await expect(open({ file: join(folder, '.', 'x', '..', 'journal.duckdb') })).rejects.toThrow(/has it open/);
    expect((await store.position(3))?.cursor.offset).toBe(699);
    await store.close();
    await (await open()).close();
  });

  it('is left untouched when it is no database, empty, cut short or damaged', async () => {
    writeFileSync(file, 'no database'.repeat(1_000));
    await expectUntouched(/not a valid DuckDB database file/);
    writeFileSync(file, '');
    await expectUntouched(/not a valid DuckDB database file/);
    rmSync(file);
    await (await store700()).close();
    const whole = readFileSync(file);
    writeFileSync(file, whole.subarray(0, 20_000));
    await expectUntouched(/./);
    const damaged = Buffer.from(whole);
    for (let at = 4_096; at < damaged.length; at += 512) damaged[at] = (damaged[at] ?? 0) ^ 0x55;
    writeFileSync(file, damaged);
    await expectUntouched(/checksum|Corrupt/i);
  });

  it('is left untouched when a later version wrote it', async () => {
    await (await store700()).close();
    const instance = await DuckDBInstance.create(file);
    const connection = await instance.connect();
    await connection.run(`UPDATE ${SCHEMA_NAME}.schema_version SET version = 99`);
    connection.closeSync();
    instance.closeSync();
    await expectUntouched(/later Depthcast \(tables of version 99, this one knows 1\)/);
  });

  it('may not be named as the tables are', async () => {
    await expect(open({ file: join(folder, 'journal_tables.duckdb') })).rejects.toThrow(/name it otherwise/);
  });

  it('holds every column of every row, of batches that are many data chunks', async () => {
    // What is NULL in the first chunk and never again must not be NULL in the next one.
    const rows = Array.from({ length: 5_000 }, (_, i) =>
      i < 2_000 && i % 3 === 0 ? { ...childRow(i), symbol: null, columns: undefined } : childRow(i),
    );
    const { epoch, offset, tsUs, clockUs } = rows.at(-1) as EventRow;
    const position = { cursor: { epoch, offset }, tsUs, clockUs };
    const store = await open();
    await store.commit({ partition: 3, after: null, rows, position, epochs: [], holes: [], orphanedAfter: [] });
    await store.close();
    const instance = await DuckDBInstance.create(file, { access_mode: 'READ_ONLY' });
    const connection = await instance.connect();
    const reader = await connection.runAndReadAll(`SELECT * FROM ${SCHEMA_NAME}.events ORDER BY "offset"`);
    const plain = reader
      .getRows()
      .map((row) => row.map((value) => (typeof value === 'bigint' ? Number(value) : value)));
    const wanted = rows.map((row) => EVENT_COLUMNS.map(({ of }) => of(row, 3) ?? null));
    expect(plain).toEqual(wanted);
    expect(reader.columnNames()).toEqual(EVENT_COLUMNS.map(({ name }) => name));
    connection.closeSync();
    instance.closeSync();
  });

  it('is not made at all for a store in memory', async () => {
    const store = await store700({ file: ':memory:' });
    expect(await store.bytes()).toBeGreaterThan(100_000);
    expect(store.description).toEqual({ kind: 'duckdb', location: ':memory:' });
    expect((await store.retain({ bboItemsMax: 10 })).byItems).toBe(340);
    await store.close();
    expect(readdirSync(folder)).toEqual([]);
  });

  (process.platform === 'linux' ? it : it.skip)(
    'is stored to again when its disk has room again, with nothing lost',
    async () => {
      // A limit on the size of files, in blocks of 512 bytes: writing beyond it fails as on a full disk.
      const child = new ChildStore(file, 'for-ever', 'trap "" XFSZ; ulimit -S -f 8000');
      try {
        await until(() => child.lines.filter((line) => line.startsWith('failed')).length >= 5, 60_000, 'a full disk');
        const stood = child.acknowledged;
        expect(stood).toBeGreaterThan(0);
        // Reading goes on meanwhile.
        expect(child.lines.filter((line) => line.startsWith('read'))).toEqual(expect.arrayContaining(['read 1']));
        execFileSync('prlimit', ['--pid', String(child.process.pid), '--fsize=unlimited']);
        await child.beyond(stood + 5_000);
      } finally {
        await child.kill();
      }
      const store = await open();
      await expectWholeHistory(store, child.acknowledged);
      await store.close();
    },
    100_000,
  );
});
