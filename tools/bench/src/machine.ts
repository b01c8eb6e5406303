import { readFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';

/** What the figures were measured on: they mean nothing without it. */
export function describeMachine(): string {
  const list = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const load = (loadavg()[0] as number).toFixed(2);
  return `${list.length} cores, ${cpuModel() ?? list[0]?.model ?? 'unknown CPU'}, ${memory}, load ${load} before, Node ${process.version}, ${process.platform}-${process.arch}`;
}

function cpuModel(): string | undefined {
  try {
    return /^model name\s*:\s*(.+)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.trim();
  } catch {
    return undefined;
  }
}
