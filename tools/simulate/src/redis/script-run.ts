import type { Reply } from './reply.ts';

/** What a script has to work with inside Redis. */
export interface ScriptRun {
  readonly call: (...command: readonly (string | number)[]) => Reply;
  readonly keys: readonly string[];
  readonly args: readonly string[];
  readonly runId: string;
  /** Whether a named check is made. */
  readonly checks: (name: string) => boolean;
}

/** A script of libs/log in TypeScript, as nearly line by line as can be: the contract suite holds them together. */
export type Twin = (run: ScriptRun) => Reply;

export type TipHash = Readonly<Record<string, string>>;

export function fenced(why: string, expected: string | undefined, got: string | undefined): Reply {
  return ['FENCED', why, expected ?? 'nil', got ?? 'nil'];
}

export function readTip({ call }: ScriptRun, key: string): TipHash | undefined {
  const flat = call('HGETALL', key) as string[];
  if (flat.length === 0) return undefined;
  const tip: Record<string, string> = {};
  for (let i = 0; i < flat.length; i += 2) tip[flat[i] as string] = flat[i + 1] as string;
  return tip;
}

export function lastId({ call }: ScriptRun, key = ''): string {
  if (call('EXISTS', key) === 0) return '0-0';
  const info = call('XINFO', 'STREAM', key) as readonly Reply[];
  return info[info.indexOf('last-generated-id') + 1] as string;
}

/** Whether the caller's position is the tip's, and the log ends there. KEYS: log, tip. ARGV: epoch, term, offset, crc. */
export function refusalAtTip(run: ScriptRun, tip: TipHash | undefined): Reply | undefined {
  const { keys, args, checks } = run;
  const [epoch, term, offset, crc] = args;
  if (checks('tip') && !tip) return fenced('tip', 'a tip', 'none');
  if (checks('epoch') && tip?.epoch !== epoch) return fenced('epoch', epoch, tip?.epoch);
  if (checks('term') && tip?.term !== term) return fenced('term', term, tip?.term);
  if (checks('offset') && tip?.offset !== offset) return fenced('offset', offset, tip?.offset);
  if (checks('crc') && tip?.crc !== crc) return fenced('crc', crc, tip?.crc);
  const last = lastId(run, keys[0]);
  if (checks('last-id') && last !== `${epoch}-${offset}`) return fenced('last-id', `${epoch}-${offset}`, last);
  return undefined;
}
