import { describe, expect, it } from '@jest/globals';
import { readConfig, retentionOf, USAGE } from './config.ts';

describe('the journal is told', () => {
  it('nothing: it stores all for ever in a file', () => {
    const config = readConfig([], {});
    expect(config).toMatchObject({
      PARTITIONS: 1,
      JOURNAL_ADDR: { host: '127.0.0.1', port: 8090 },
      JOURNAL_FILE: '.depthcast/journal.duckdb',
      CACHE_PERSIST: true,
      WINDOW_BYTES: 128 * 2 ** 20,
    });
    expect(config?.JOURNAL_DB_URL).toBeUndefined();
    expect(config?.JOURNAL_MEMORY_BYTES_MAX).toBeUndefined();
    expect(config && retentionOf(config)).toEqual({ bboItemsMax: 1_000_000 });
  });

  it('its bounds', () => {
    const config = readConfig(['--addr', '[::1]:0', '-l', 'debug'], {
      RETENTION_HOURS: '2',
      JOURNAL_BYTES_MAX: '1000000',
      JOURNAL_MEMORY_BYTES_MAX: '1000000000',
      CACHE_MAX_ITEMS: '5',
      CACHE_PERSIST: 'false',
      JOURNAL_DB_URL: 'postgres://u:p@db/x',
    });
    expect(config).toMatchObject({ JOURNAL_ADDR: { host: '::1', port: 0 }, LOG_LEVEL: 'debug', CACHE_PERSIST: false });
    expect(config?.JOURNAL_MEMORY_BYTES_MAX).toBe(1_000_000_000);
    expect(config && retentionOf(config)).toEqual({ ageMsMax: 7_200_000, bytesMax: 1_000_000, bboItemsMax: 5 });
  });

  it('what it cannot be, and names each variable, secrets masked', () => {
    const bad = {
      PARTITIONS: '65',
      JOURNAL_DB_URL: 'mysql://u:hidden@db/x',
      CACHE_CLEANUP_HOURS: '0',
      WINDOW_BYTES: 'all',
    };
    const read = () => readConfig([], bad);
    expect(read).toThrow(/JOURNAL_DB_URL.*takes.*postgres/);
    expect(read).toThrow(/CACHE_CLEANUP_HOURS/);
    expect(read).toThrow(/WINDOW_BYTES/);
    expect(read).toThrow(/PARTITIONS.*64/);
    expect(read).not.toThrow(/hidden/);
    expect(() => readConfig(['--nonsense'], {})).toThrow(/--help/);
  });

  it('to explain itself', () => {
    expect(readConfig(['-h'], {})).toBeUndefined();
    for (const name of [
      'REDIS_URL',
      'PARTITIONS',
      'JOURNAL_DB_URL',
      'CACHE_DIR',
      'CACHE_MAX_ITEMS',
      'RETENTION_HOURS',
    ]) {
      expect(USAGE).toContain(name);
    }
  });
});
