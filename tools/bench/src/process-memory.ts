import { readFileSync } from 'node:fs';
import { SkipBench } from './harness.ts';

/** Resident memory of a process, MiB. @throws SkipBench where there is no /proc. */
export function residentMib(pid: number): number {
  try {
    const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1];
    return Number(kib) / 1024;
  } catch {
    throw new SkipBench('there is no /proc here to read the memory of a process from');
  }
}
