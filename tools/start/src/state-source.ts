import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { StartOptions } from './options.ts';

const SOURCE_FILE = 'source.json';
const WRITERS_MAX = 8;

/**
 * Remembers beside the data which options it is written with; --fresh removes that with the data.
 *
 * @returns what to say when others wrote there before, else undefined.
 */
export function noteSource(dir: string, options: Pick<StartOptions, 'source' | 'symbols'>): string | undefined {
  const file = join(dir, SOURCE_FILE);
  const now = optionsText(options);
  const writers = readWriters(file);
  // The first ones say enough.
  if (!writers.includes(now) && writers.length < WRITERS_MAX) writeFileSync(file, JSON.stringify([...writers, now]));
  const others = writers.filter((writer) => writer !== now);
  if (others.length === 0) return undefined;
  return `this state was written with ${others.join(', then with ')}; --fresh begins anew`;
}

function optionsText({ source, symbols }: Pick<StartOptions, 'source' | 'symbols'>): string {
  return `--source ${source.kind}${symbols ? ` --symbols ${symbols.toSorted().join(',')}` : ''}`;
}

/** None when there is no such file, or a crash of the machine has left it unreadable. */
function readWriters(file: string): string[] {
  try {
    const writers: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return Array.isArray(writers) ? writers.filter((writer) => typeof writer === 'string') : [];
  } catch {
    return [];
  }
}
