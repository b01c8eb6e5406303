import type { Keyspace } from './keyspace.ts';
import { notAnInteger, type Reply } from './reply.ts';

/** What a command sees of the process that executes it. */
export interface Host {
  readonly keyspace: Keyspace;
  /** Its own clock, which need not be anybody else's. */
  readonly clockMs: number;
  readonly runId: string;
  readonly usedMemoryBytes: number;
  /** 0: no bound. */
  readonly maxMemoryBytes: number;
}

export interface Command {
  /** Arguments that it takes at least. */
  readonly argsMin: number;
  /** Needs memory: refused when there is none left. */
  readonly grows?: true;
  readonly run: (host: Host, args: readonly string[]) => Reply;
}

export type Commands = Readonly<Record<string, Command>>;

export function integer(text: string | undefined): number {
  if (text === undefined || !/^-?\d+$/.test(text)) throw notAnInteger();
  return Number(text);
}
