import { execFile } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

export type Env = Readonly<Record<string, string | undefined>>;

/** The first of the commands that PATH has, as an absolute path. */
export function findOnPath(names: readonly string[], env: Env): string | undefined {
  for (const name of names) {
    for (const folder of (env.PATH ?? '').split(delimiter)) {
      if (folder !== '' && isExecutable(join(folder, name))) return join(folder, name);
    }
  }
  return undefined;
}

/**
 * Runs a command to its end and gives its stdout.
 *
 * @throws Error with the last line it printed, when it fails or takes longer than `timeoutMs`.
 */
export function output(
  command: string,
  args: readonly string[],
  options: { readonly env: Env; readonly timeoutMs: number; readonly cwd?: string },
): Promise<string> {
  const { env, timeoutMs, cwd } = options;
  return new Promise((resolve, reject) => {
    execFile(
      command,
      args,
      // C: messages and versions in one language, whatever the user's.
      { env: { ...env, LC_ALL: 'C' }, timeout: timeoutMs, maxBuffer: OUTPUT_BYTES_MAX, ...(cwd ? { cwd } : {}) },
      (error, stdout, stderr) => {
        if (!error) return resolve(stdout);
        const said = lastLine(stderr) ?? lastLine(stdout) ?? error.message;
        reject(new Error(error.killed ? `took longer than ${timeoutMs / 1000} s` : said, { cause: error }));
      },
    );
  });
}

function lastLine(text: string): string | undefined {
  return text.trim().split('\n').at(-1)?.trim() || undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
