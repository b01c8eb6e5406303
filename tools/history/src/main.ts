import { parseArguments, UsageError } from './arguments.ts';
import { CallError } from './call.ts';
import { exportHistory } from './export.ts';
import { Progress } from './progress.ts';
import { replay } from './replay.ts';
import { verify } from './verify.ts';

const EXIT_KILLED = 130;

async function main(): Promise<number> {
  const args = parseArguments(process.argv.slice(2), process.env);
  if (typeof args === 'string') {
    process.stdout.write(`${args}\n`);
    return 0;
  }
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());
  // `npm run replay | head`: whoever read along has left.
  process.stdout.on('error', () => process.exit(0));
  const { signal } = stop;
  const progress = new Progress(process.stderr);
  const result = (text: string) => void process.stdout.write(`${text}\n`);
  const note = (text: string) => void process.stderr.write(`${text}\n`);
  try {
    switch (args.command) {
      case 'verify':
        return await verify(args, progress, result, signal);
      case 'export':
        // npm runs scripts in the repository's root; what the user names is relative to where npm was called.
        return await exportHistory(args, process.env.INIT_CWD ?? process.cwd(), progress, note, signal);
      case 'replay':
        return await replay(args, progress, process.stdout, note, signal);
    }
  } catch (error) {
    progress.clear();
    if (signal.aborted) return EXIT_KILLED;
    throw error;
  }
}

try {
  // Not exit(): what was written to a pipe may still be on its way.
  process.exitCode = await main();
} catch (error) {
  const isOurs = error instanceof UsageError || error instanceof CallError;
  process.stderr.write(`${isOurs ? error.message : (error as Error).stack}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
