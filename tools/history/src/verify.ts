import type { VerifyArguments } from './arguments.ts';
import { CallError, call, linesOf } from './call.ts';
import { counted, type Progress } from './progress.ts';

interface Line {
  readonly progress?: Place;
  readonly verdict?: Verdict;
}

interface Place {
  readonly partition: number;
  readonly rows: number;
  readonly of: number;
  readonly cursor: string;
}

interface Verdict {
  readonly ok: boolean;
  readonly rows: number;
  readonly epochs: number;
  readonly holes: number;
  readonly dropped: number;
  readonly snapshots: number;
  readonly checksums: number;
  readonly problem_count: number;
  readonly problems: readonly string[];
}

/** @returns the exit code. */
export async function verify(
  { journal, json }: VerifyArguments,
  progress: Progress,
  say: (text: string) => void,
  signal: AbortSignal,
): Promise<number> {
  const response = await call('journal', `${journal}/internal/verify`, { method: 'POST', signal });
  let verdict: Verdict | undefined;
  for await (const text of linesOf(response)) {
    const line = JSON.parse(text) as Line;
    verdict = line.verdict ?? verdict;
    if (!line.progress) continue;
    const { partition, rows, of, cursor } = line.progress;
    const at = partition === 0 ? cursor : `${cursor} of partition ${partition}`;
    progress.show(of === 0 ? undefined : rows / of, `${counted(rows)} of ${counted(of)} events, at ${at}`);
  }
  progress.clear();
  if (!verdict) throw new CallError('the journal broke off before its verdict');
  if (json) say(JSON.stringify(verdict));
  else for (const text of said(verdict, progress.seconds)) say(text);
  return verdict.ok ? 0 : 1;
}

function said(verdict: Verdict, seconds: number): string[] {
  const { ok, rows, epochs, holes, dropped, snapshots, checksums, problem_count: count, problems } = verdict;
  return [
    `${ok ? 'ok' : 'NOT OK'}: ${counted(rows)} events in ${counted(epochs)} epochs, in ${seconds.toFixed(1)} s`,
    `  ${counted(snapshots)} whole books and ${counted(checksums)} other checksums were computed again`,
    `  ${counted(holes)} holes are recorded; retention has dropped ${counted(dropped)} from between others`,
    ...(count > 0 ? [`  ${counted(count)} problems; the first:`, ...problems.map((problem) => `    ${problem}`)] : []),
  ];
}
