import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Running } from './supervised.ts';

const PROJECTS = ['apps/ingest', 'apps/engine', 'apps/journal', 'apps/gateway'];

/** Compiles the apps and what they use; only what has changed. Resolves to whether it went well. */
export async function build(root: string, onOutput: (text: string) => void): Promise<boolean> {
  return (await compile(root, [], onOutput).exited) === 0;
}

/** Goes on compiling whenever a source changes. */
export function buildOnChange(root: string, onOutput: (text: string) => void): Running {
  return compile(root, ['--watch', '--preserveWatchOutput'], onOutput);
}

function compile(root: string, args: readonly string[], onOutput: (text: string) => void): Running {
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  const child = spawn(process.execPath, [tsc, '-b', ...PROJECTS, ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => onOutput(text.trimEnd()));
  }
  const exited = new Promise<number | null>((resolve) => {
    child.once('error', (error) => {
      onOutput(error.message);
      resolve(1);
    });
    child.once('exit', resolve);
  });
  return { exited, stop: () => child.kill('SIGTERM'), kill: () => child.kill('SIGKILL') };
}
