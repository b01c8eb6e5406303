import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Env } from './commands.ts';
import type { Running } from './supervised.ts';

export interface AppProcessOptions {
  readonly cwd: string;
  readonly main: string;
  readonly args: readonly string[];
  readonly env: Env;
  readonly onLine: (line: string) => void;
}

/** Starts a built app with this very Node. */
export function runAppProcess(options: AppProcessOptions): Running {
  const child = spawn(process.execPath, [options.main, ...options.args], {
    cwd: options.cwd,
    // stdin is held open and never written: when this process dies, however that happens, the app sees its end and
    // stops too (STOP_ON_STDIN_END), so that no orphan keeps a port or goes on writing.
    env: { ...options.env, STOP_ON_STDIN_END: 'true' },
    stdio: ['pipe', 'pipe', 'pipe'],
    // A group of its own: a Ctrl-C in the terminal reaches this process alone, which stops the others in order.
    detached: true,
  });
  child.stdin.on('error', () => {});
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', options.onLine);
  const exited = new Promise<number | null>((resolve) => {
    child.once('error', (error) => {
      options.onLine(error.message);
      resolve(1);
    });
    child.once('exit', resolve);
  });
  return { exited, stop: () => child.kill('SIGTERM'), kill: () => child.kill('SIGKILL') };
}
