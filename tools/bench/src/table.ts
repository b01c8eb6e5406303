import type { Row, Target } from './harness.ts';
import type { Spread } from './statistics.ts';

const HEAD = ['bench', 'ours (min – max)', 'reference (min – max)', 'is', 'ratio', 'target', ''];

/** The rows as one table of aligned columns. */
export function renderTable(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.name,
    figure(row.ours, row.unit),
    figure(row.theirs, row.unit),
    row.reference,
    `${number(row.ratio)} ×`,
    row.target ? targetText(row.target, row.unit) : '',
    row.ok === undefined ? '' : row.ok ? 'ok' : 'MISSED',
  ]);
  const lines = [HEAD, ...cells];
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => (line[column] as string).length)));
  const text = lines.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] as number))
      .join('  ')
      .trimEnd(),
  );
  text.splice(
    1,
    0,
    widths
      .map((width) => '─'.repeat(width))
      .join('  ')
      .trimEnd(),
  );
  return text.join('\n');
}

/** What `--json` prints: an array, one object a row. */
export function renderJson(rows: readonly Row[]): string {
  const list = rows.map(({ name, ours, unit, reference, theirs, ratio, target, ok }) => ({
    name,
    value: ours.median,
    unit,
    reference,
    referenceValue: theirs.median,
    ratio,
    ...(target ? { target: targetText(target, unit), ok } : {}),
  }));
  return JSON.stringify(list, undefined, 2);
}

function targetText(target: Target, unit: string): string {
  const bound = (value: number) => (target.on === 'ratio' ? `${value} ×` : `${round(value)} ${unit}`);
  return target.atLeast === undefined ? `≤ ${bound(target.atMost as number)}` : `≥ ${bound(target.atLeast)}`;
}

function figure(spread: Spread, unit: string): string {
  return `${scaled(spread.median)} ${unit} (${scaled(spread.min)} – ${scaled(spread.max)})`;
}

function scaled(value: number): string {
  if (value >= 999_500) return `${number(value / 1e6)} M`;
  if (value >= 9_995) return `${number(value / 1e3)} k`;
  return number(value);
}

/** A target, as it was set: 300 k, not 300.0 k. */
function round(value: number): string {
  return value >= 10_000 ? `${value / 1_000} k` : String(value);
}

/** Three figures say more than the noise allows. */
function number(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
