import { readFileSync } from 'node:fs';

/** Linux counts CPU time in ticks of 10 ms for every program, whatever the kernel's own clock. */
const US_PER_TICK = 10_000;

/** CPU time of another process so far, all its threads, in µs; NaN where there is no /proc. */
export function processCpuUs(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the program's name in brackets, which may itself hold spaces and brackets.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * US_PER_TICK;
  } catch {
    return Number.NaN;
  }
}
