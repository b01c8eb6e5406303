import { describe, expect, it } from '@jest/globals';
import { folderForTheirs, journalEnv, runsJournal } from './journal-place.ts';

describe('the journal of npm start', () => {
  it.each([
    [{}, true],
    [{ CACHE_ENABLED: '' }, true],
    [{ CACHE_ENABLED: 'TRUE' }, true],
    [{ CACHE_ENABLED: '0' }, false],
    [{ CACHE_ENABLED: 'false' }, false],
    [{ JOURNAL_HTTP_URL: 'http://journal:8090' }, false],
  ])('with %j runs: %j', (env, runs) => {
    expect(runsJournal(env)).toBe(runs);
  });

  it('has a folder for each Redis, without its password, and another for recordings', () => {
    const folder = (url: string, replay = false) => folderForTheirs('/r', url, replay);
    expect(folder('redis://10.0.0.1:6379')).toBe('/r/.depthcast/journal/10.0.0.1_6379');
    expect(folder('redis://user:p@ss@10.0.0.1:6379/2')).toBe('/r/.depthcast/journal/10.0.0.1_6379_2');
    expect(folder('rediss://[::1]:6379/')).toBe('/r/.depthcast/journal/___1__6379');
    expect(folder('redis+cluster://a:1,b:2')).toBe('/r/.depthcast/journal/a_1');
    expect(folder('redis+sentinel://u:p@a:1,b:2/m1')).toBe('/r/.depthcast/journal/a_1_m1');
    expect(folder('redis+sentinel://a:1/m2?sentinelPassword=p&db=3')).toBe('/r/.depthcast/journal/a_1_m2_3');
    expect(folder('redis://h:1?x=/../..')).toBe('/r/.depthcast/journal/h_1');
    expect(folder('redis://h:1', true)).toBe('/r/.depthcast/journal/h_1-replay');
  });

  it('stores where the user says, else in that folder', () => {
    expect(journalEnv('/f', {})).toEqual({ JOURNAL_FILE: '/f/journal.duckdb' });
    expect(journalEnv('/f', { JOURNAL_FILE: 'mine.duckdb' })).toEqual({});
    expect(journalEnv('/f', { JOURNAL_DB_URL: 'postgres://h/d' })).toEqual({});
  });
});
