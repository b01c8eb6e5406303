import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { DepthcastError, ERRORS, type ErrorRow } from './errors.ts';
import { resetReasons } from './resets.ts';

const page = readFileSync(new URL('../../../docs/ERRORS.md', import.meta.url), 'utf8');
const cells = (line: string) =>
  line
    .slice(2, -2)
    .split(' | ')
    .map((cell) => cell.trim());

describe('docs/ERRORS.md', () => {
  it('has exactly the rows of the table', () => {
    const rows = page.split('\n').filter((line) => /^\| `[A-Z]/.test(line));
    const expected = Object.entries(ERRORS).map(([code, row]: [string, ErrorRow]) => [
      `\`${code}\``,
      String(row.status ?? ''),
      String(row.exit ?? ''),
      row.meaning,
      row.remedy,
    ]);
    expect(rows.map(cells)).toEqual(expected);
  });

  it('has exactly the reasons of a reset', () => {
    const rows = page.split('\n').filter((line) => /^\| `[a-z]/.test(line));
    expect(rows.map((line) => cells(line)[0])).toEqual(resetReasons.map((reason) => `\`${reason}\``));
  });
});

describe('an error', () => {
  it('carries its code, its HTTP status and its exit code', () => {
    expect(new DepthcastError('STREAM_INVALID', 'x')).toMatchObject({ code: 'STREAM_INVALID', status: 400, exit: 1 });
    expect(new DepthcastError('FENCED', 'x')).toMatchObject({ status: 500, exit: 3 });
  });
});
