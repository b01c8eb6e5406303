import { existsSync, type FSWatcher, watch } from 'node:fs';
import { join } from 'node:path';

/** tsc writes many files in a row: one restart for all of them. */
const QUIET_MS = 300;
const LIBRARIES = ['protocol', 'book', 'market', 'log', 'ops'];

/**
 * Calls `onChange` for an app when its build, or that of any library, has changed. Node's own `--watch` would not do:
 * it waits for an edit after a crash, where the supervisor restarts.
 */
export function watchBuilds(root: string, apps: readonly string[], onChange: (app: string) => void): FSWatcher[] {
  const timers = new Map<string, NodeJS.Timeout>();
  const changed = (app: string): void => {
    clearTimeout(timers.get(app));
    timers.set(
      app,
      setTimeout(() => onChange(app), QUIET_MS),
    );
  };
  const all = (): void => {
    for (const app of apps) changed(app);
  };
  const folders: [string, () => void][] = [
    ...apps.map((app): [string, () => void] => [join(root, 'apps', app, 'dist'), () => changed(app)]),
    ...LIBRARIES.map((library): [string, () => void] => [join(root, 'libs', library, 'dist'), all]),
  ];
  return folders
    .filter(([folder]) => existsSync(folder))
    .map(([folder, call]) =>
      watch(folder, { recursive: true }, (_, file) => {
        if (file?.endsWith('.js')) call();
      }),
    );
}
