import { inspect } from 'node:util';
import { findPostgres, startPostgres, TcpProxy, type TestPostgres } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { expectWholeHistory, survivesKills } from '../../testing/child-store.ts';
import { childRow, EPOCH } from '../../testing/store-child.ts';
import { storeContract } from '../../testing/store-contract.ts';
import { EVENT_COLUMNS } from '../event-table.ts';
import type { JournalBatch } from '../journal-store.ts';
import { SCHEMA_NAME } from '../schema.ts';
import type { PostgresOptions } from './postgres-database.ts';
import { PostgresStore } from './postgres-store.ts';

const found = await findPostgres();

(found ? describe : describe.skip)('with a server', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  }, 60_000);
  afterAll(() => postgres.stop());

  const open = async (url: string, options: Partial<PostgresOptions> = {}): Promise<PostgresStore> => {
    const store = new PostgresStore({ url, ...options });
    await store.open();
    return store;
  };
  const batchOf = (first: number, count = 100): JournalBatch => {
    const rows = Array.from({ length: count }, (_, i) => childRow(first + i));
    const { epoch, offset, tsUs, clockUs } = childRow(first + count - 1);
    const after = first === 0 ? null : { epoch, offset: first - 1 };
    const epochs = first === 0 ? [{ epoch, ordinal: 0, previousTail: null, reason: 'first' }] : [];
    const position = { cursor: { epoch, offset }, tsUs, clockUs };
    return { partition: 0, after, rows, position, epochs, holes: [], orphanedAfter: [] };
  };
  const failureOf = async (work: Promise<unknown>) =>
    work.then(
      () => new Error('it did not fail'),
      (error) => error,
    );

  storeContract('PostgresStore', true, async () => {
    const url = await postgres.createDatabase();
    return { open: () => open(url), remove: async () => {} };
  });

  describe('PostgresStore', () => {
    it('is whole after SIGKILL at any moment', async () => {
      const url = await postgres.createDatabase();
      await survivesKills(url, 6, () => open(url));
    }, 120_000);

    it('leaves a database alone that a later version wrote', async () => {
      const url = await postgres.createDatabase();
      await (await open(url)).close();
      await postgres.query(`UPDATE ${SCHEMA_NAME}.schema_version SET version = 99`, url);
      await postgres.query(`DROP TABLE ${SCHEMA_NAME}.holes`, url);
      const error = await failureOf(open(url));
      expect(error).toMatchObject({
        code: 'JOURNAL_STORE_UNUSABLE',
        message: expect.stringMatching(/version 99, this one knows 1/),
      });
      expect(await postgres.query(`SELECT to_regclass('${SCHEMA_NAME}.holes') AS t`, url)).toEqual([{ t: null }]);
    });

    it('makes its tables once, however many start at the same moment', async () => {
      const url = await postgres.createDatabase();
      const stores = await Promise.all([open(url), open(url), open(url)]);
      await Promise.all(stores.map((store) => store.close()));
      expect(await postgres.query(`SELECT version FROM ${SCHEMA_NAME}.schema_version`, url)).toEqual([{ version: 1 }]);
    });

    it('shows its password to nobody', async () => {
      const url = await postgres.createDatabase();
      const { password } = postgres;
      const secret = 'not-the-pa55';
      const wrong = await failureOf(open(url.replace(password, secret)));
      expect(wrong).toMatchObject({
        code: 'JOURNAL_STORE_UNUSABLE',
        message: expect.stringMatching(/refuses this user or password/),
      });
      const absent = await failureOf(open(url.replace(/\/[^/]*$/, '/nowhere')));
      expect(absent).toMatchObject({
        code: 'JOURNAL_STORE_UNUSABLE',
        message: expect.stringMatching(/no database of this name/),
      });
      const unreadable = await failureOf(open(`postgres://user:${secret}@127.0.0.1:port/x`));
      expect(unreadable).toMatchObject({ code: 'JOURNAL_STORE_UNUSABLE' });
      const away = await failureOf(open(`postgres://user:${secret}@127.0.0.1:1/x`));
      expect(away).toMatchObject({ code: 'ECONNREFUSED' });
      const store = await open(url);
      expect(store.description.location).toBe(`127.0.0.1:${postgres.port}${new URL(url).pathname}`);
      for (const shown of [wrong, absent, unreadable, away, store, store.description]) {
        const text = `${inspect(shown, { depth: 20, showHidden: true })} ${JSON.stringify(shown)} ${shown}`;
        expect(text).not.toContain(secret);
        expect(text).not.toContain(password);
      }
      await store.close();
    });

    it('holds every column of every row, in one table a day', async () => {
      const url = await postgres.createDatabase();
      const store = await open(url);
      await store.commit(batchOf(0));
      const rows = await postgres.query(`SELECT * FROM ${SCHEMA_NAME}.events ORDER BY "offset"`, url);
      const numbers = new Set(EVENT_COLUMNS.filter(({ type }) => type === 'BIGINT').map(({ name }) => name));
      const plain = rows.map((row) =>
        Object.entries(row).map(([name, value]) => (numbers.has(name) && value !== null ? Number(value) : value)),
      );
      expect(plain).toEqual(
        Array.from({ length: 100 }, (_, i) => EVENT_COLUMNS.map(({ of }) => of(childRow(i), 0) ?? null)),
      );
      const day = await postgres.query(`SELECT count(*)::INTEGER AS n FROM ${SCHEMA_NAME}.events_20260101`, url);
      expect(day).toEqual([{ n: 100 }]);
      await store.close();
    });

    it('goes on after the server was stopped and started, with nothing twice', async () => {
      if (!postgres.controlled) return;
      const url = await postgres.createDatabase();
      const store = await open(url);
      await store.commit(batchOf(0));
      await postgres.kill();
      await expect(store.commit(batchOf(100))).rejects.toThrow();
      expect(await failureOf(store.position(0))).toMatchObject({ code: 'ECONNREFUSED' });
      await postgres.start();
      expect((await store.position(0))?.cursor.offset).toBe(99);
      expect(await store.commit(batchOf(100))).toBe('committed');
      await postgres.restart();
      expect(await store.commit(batchOf(200))).toBe('committed');
      await expectWholeHistory(store, 299);
      await store.close();
    }, 60_000);

    it('says after a lost answer to COMMIT what became of it', async () => {
      const url = new URL(await postgres.createDatabase());
      const proxy = await TcpProxy.start(postgres.port);
      url.port = String(proxy.port);
      const store = await open(url.href);
      await store.commit(batchOf(0));
      const swallow = proxy.swallowReplyOf((request) => request.includes('COMMIT'));
      await expect(store.commit(batchOf(100))).rejects.toThrow();
      await swallow.done;
      expect((await store.position(0))?.cursor.offset).toBe(199);
      expect(await store.commit(batchOf(100))).toBe('overtaken');
      expect(await store.commit(batchOf(200))).toBe('committed');
      await expectWholeHistory(store, 299);
      await store.close();
      await proxy.close();
    }, 30_000);

    it('gives up what takes too long, and works when it does not any more', async () => {
      const url = await postgres.createDatabase();
      const store = await open(url, { statementMsMax: 300 });
      await store.commit(batchOf(0));
      const other = await open(url);
      const held = postgres.query(
        `BEGIN; SELECT * FROM ${SCHEMA_NAME}.partitions FOR UPDATE; SELECT pg_sleep(1.5); COMMIT`,
        url,
      );
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(await failureOf(store.commit(batchOf(100)))).toMatchObject({ message: expect.stringMatching(/timeout/) });
      await held;
      expect(await store.commit(batchOf(100))).toBe('committed');
      await expectWholeHistory(other, 199);
      await Promise.all([store.close(), other.close()]);
    }, 30_000);

    it('drops whole days at a stroke, and makes one again that another store has dropped', async () => {
      const url = await postgres.createDatabase();
      const [store, other] = [await open(url), await open(url)];
      const dayUs = 86_400_000_000;
      const late = (batch: JournalBatch, days: number, partition = 0): JournalBatch => {
        const clockUs = EPOCH * 1_000 + days * dayUs;
        const rows = batch.rows.map((row) => ({ ...row, clockUs }));
        return { ...batch, partition, rows, position: { ...batch.position, clockUs } };
      };
      const tables = async () =>
        (await postgres.query(`SELECT tablename FROM pg_tables WHERE tablename LIKE 'events_2%' ORDER BY 1`, url)).map(
          ({ tablename }) => tablename,
        );
      await store.commit(late(batchOf(0), 0));
      await store.commit(late(batchOf(100), 1));
      await store.commit(late(batchOf(200), 3));
      expect(await tables()).toEqual(['events_20260101', 'events_20260102', 'events_20260104']);
      expect(await other.retain({ ageMsMax: 86_400_000 })).toEqual({ events: 200, byAge: 200, bySize: 0, byItems: 0 });
      expect(await tables()).toEqual(['events_20260104']);
      expect((await store.partitions())[0]).toMatchObject({ events: 100, earliest: { epoch: EPOCH, offset: 200 } });
      // Of another partition that is behind: this store still takes the day for made.
      await failureOf(store.commit(late(batchOf(0), 0, 1)));
      await store.commit(late(batchOf(0), 0, 1)).catch(() => {});
      expect((await store.position(1))?.cursor.offset).toBe(99);
      await Promise.all([store.close(), other.close()]);
    });
  });
});
