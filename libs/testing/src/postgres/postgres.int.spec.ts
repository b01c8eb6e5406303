import { afterEach, describe, expect, it } from '@jest/globals';
import { findPostgres } from './find-postgres.ts';
import { startPostgres, type TestPostgres } from './postgres.ts';

const found = await findPostgres();
const describeServer = found && found.kind !== 'url' ? describe : describe.skip;

describeServer('startPostgres', () => {
  let postgres: TestPostgres;
  afterEach(() => postgres.stop());

  it('gives a real server on loopback, and empty databases of it', async () => {
    postgres = await startPostgres({ settings: ['work_mem=7MB'] });
    expect(await postgres.query('SHOW work_mem')).toEqual([{ work_mem: '7MB' }]);
    const [first, second] = [await postgres.createDatabase(), await postgres.createDatabase()];
    await postgres.query('CREATE TABLE t (a INTEGER)', first);
    expect(await postgres.query(`SELECT to_regclass('t') AS t`, first)).toEqual([{ t: 't' }]);
    expect(await postgres.query(`SELECT to_regclass('t') AS t`, second)).toEqual([{ t: null }]);
    await expect(postgres.query('SELECT 1', postgres.url.replace(postgres.password, 'wrong'))).rejects.toThrow(
      /password/,
    );
  });

  it('comes back from SIGKILL on its port with what was committed', async () => {
    postgres = await startPostgres();
    const url = await postgres.createDatabase();
    await postgres.query('CREATE TABLE t AS SELECT 1 AS a', url);
    await postgres.kill();
    await expect(postgres.query('SELECT a FROM t', url)).rejects.toThrow(/ECONNREFUSED/);
    await postgres.start();
    expect(await postgres.query('SELECT a FROM t', url)).toEqual([{ a: 1 }]);
    await postgres.restart();
    expect(await postgres.query('SELECT a FROM t', url)).toEqual([{ a: 1 }]);
  });
});
