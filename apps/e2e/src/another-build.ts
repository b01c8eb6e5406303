import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** A text that stands in a built file, and what takes its place in the other build. */
export interface Change {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/**
 * A second build of the engine, as the next release would be: the same files but for changes in libs/market.
 *
 * @returns its folder, to be removed after use; the engine is `apps/engine/dist/main.js` in it.
 */
export function anotherBuild(changes: readonly Change[]): string {
  const root = mkdtempSync(join(tmpdir(), 'depthcast-build-'));
  const modules = join(root, 'node_modules');
  mkdirSync(join(modules, '@depthcast'), { recursive: true });
  for (const name of readdirSync(join(ROOT, 'node_modules'))) {
    if (name !== '@depthcast') symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  }
  for (const name of ['book', 'log', 'ops', 'protocol']) {
    symlinkSync(join(ROOT, 'libs', name), join(modules, '@depthcast', name));
  }
  for (const folder of ['apps/engine', 'libs/market']) {
    for (const part of ['package.json', 'dist'])
      cpSync(join(ROOT, folder, part), join(root, folder, part), { recursive: true });
  }
  symlinkSync(join(root, 'libs/market'), join(modules, '@depthcast', 'market'));
  for (const { file, from, to } of changes) {
    const path = join(root, 'libs/market/dist', file);
    const text = readFileSync(path, 'utf8');
    if (!text.includes(from)) throw new Error(`${file} has no ${from}`);
    writeFileSync(path, text.replace(from, to));
  }
  return root;
}
