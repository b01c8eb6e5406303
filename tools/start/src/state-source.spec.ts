import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { noteSource } from './state-source.ts';

describe('state that was kept', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'depthcast-source-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));
  const note = (kind: 'simulator' | 'binance', ...symbols: string[]) =>
    noteSource(dir, { source: { kind }, symbols: symbols.length > 0 ? symbols : undefined });

  it('is nothing to speak of when the same options wrote it', () => {
    expect(note('simulator', 'ETHUSD', 'BTCUSD')).toBeUndefined();
    expect(note('simulator', 'BTCUSD', 'ETHUSD')).toBeUndefined();
  });

  it('is named by every other source and choice of symbols that wrote it', () => {
    note('simulator');
    expect(note('binance')).toBe('this state was written with --source simulator; --fresh begins anew');
    expect(note('binance', 'BTCUSDT')).toBe(
      'this state was written with --source simulator, then with --source binance; --fresh begins anew',
    );
    expect(note('simulator')).toContain('--source binance --symbols BTCUSDT;');
  });

  it.each(['', '{"a":1}', '[1]'])('of which nothing is known is nothing to speak of: %j', (text) => {
    writeFileSync(join(dir, 'source.json'), text);
    expect(note('simulator')).toBeUndefined();
    expect(note('binance')).toContain('--source simulator;');
  });
});
