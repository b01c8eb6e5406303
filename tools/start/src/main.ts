import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { EXIT_CONFIG, StartError } from './errors.ts';
import { HELP, parseOptions } from './options.ts';
import { watchParent } from './parent-watch.ts';
import { paintFor } from './render.ts';
import { Screen } from './screen.ts';
import { Stack } from './stack.ts';

const EXIT_KILLED = 130;
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** npm runs scripts in the repo's root; what the user names is relative to where npm was called. */
function callerFolder(): string {
  const folder = process.env.INIT_CWD;
  return folder && existsSync(folder) ? folder : process.cwd();
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2), callerFolder(), process.env);
  if (options === 'help') {
    console.log(HELP);
    return;
  }
  const screen = new Screen(process.stdout, paintFor(process.stdout), options.jsonLogs);
  const stack = new Stack(ROOT, options, process.env, screen, (code) => end(code));

  let ending: Promise<void> | undefined;
  /** Once; whoever comes second waits for the first. */
  const end = (code: number): void => {
    ending ??= stack
      .stop()
      .catch(complain)
      .then(() => process.exit(code));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (ending) {
        stack.kill();
        process.exit(EXIT_KILLED);
      }
      screen.say('start', `${signal}: stopping (again to kill)`);
      end(0);
    });
  }
  watchParent(process.env, () => {
    screen.say('start', 'npm is gone: stopping');
    end(0);
  });
  // `npm start | head`: whoever read along has left.
  process.stdout.on('error', () => end(0));

  try {
    await stack.start();
  } catch (error) {
    // A stop that came while it was starting makes anything fail; that is no error of its own.
    if (ending) return;
    complain(error);
    end(exitOf(error));
  }
}

function complain(error: unknown): void {
  const text =
    error instanceof StartError ? `${error.code}: ${error.message}` : String((error as Error).message ?? error);
  console.error(text);
}

function exitOf(error: unknown): number {
  return error instanceof StartError ? EXIT_CONFIG : 1;
}

main().catch((error: unknown) => {
  complain(error);
  process.exit(exitOf(error));
});
