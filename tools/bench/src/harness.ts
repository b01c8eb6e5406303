import type { Children } from './children.ts';
import type { PrivateRedis } from './private-redis.ts';
import { type Spread, spreadOf } from './statistics.ts';

/** One line of the table: a figure, and the reference measured beside it in the same run. */
export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly ours: Spread;
  /** What it is compared with. */
  readonly reference: string;
  readonly theirs: Spread;
  /** Median by median: ours / theirs, whichever way is better. */
  readonly ratio: number;
  readonly target?: Target;
  readonly ok?: boolean;
}

/** What the project asks of a figure, on its value or on its ratio. */
export interface Target {
  readonly on: 'value' | 'ratio';
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface BenchContext {
  /** Processes of this bench; whatever is left when it ends is killed. */
  readonly children: Children;
  /** The run's own Redis, emptied. */
  redis(): Promise<PrivateRedis>;
  /** A remark that belongs under the table. */
  note(text: string): void;
}

export interface Bench {
  readonly name: string;
  /** A long one: it runs only when it is named, and may take so long. */
  readonly longMsMax?: number;
  run(context: BenchContext): Promise<Row[]>;
}

/** This bench cannot run here; the message says why. */
export class SkipBench extends Error {}

/** One round's figures by name, such as `{ rate: 412000, cpuUs: 0.6 }`. */
export type Figures<F extends string> = Readonly<Record<F, number>>;

export interface Rounds {
  readonly warmUps: number;
  readonly rounds: number;
}

/**
 * Runs the contestants in turn (ours, reference, ours, reference …), so that whatever else the machine does falls on
 * all of them, and gives the spread of each figure over the rounds that count.
 */
export async function interleave<C extends string, F extends string>(
  contestants: Readonly<Record<C, () => Promise<Figures<F>>>>,
  { warmUps, rounds }: Rounds,
): Promise<Record<C, Record<F, Spread>>> {
  const names = Object.keys(contestants) as C[];
  const taken = new Map<C, Figures<F>[]>(names.map((name) => [name, []]));
  for (let round = -warmUps; round < rounds; round++) {
    for (const name of names) {
      const figures = await contestants[name]();
      if (round >= 0) taken.get(name)?.push(figures);
    }
  }
  const result = {} as Record<C, Record<F, Spread>>;
  for (const [name, list] of taken) {
    const spreads = {} as Record<F, Spread>;
    for (const figure of Object.keys(list[0] as object) as F[]) spreads[figure] = spreadOf(list.map((f) => f[figure]));
    result[name] = spreads;
  }
  return result;
}

export interface RowParts extends Pick<Row, 'name' | 'unit' | 'ours' | 'reference' | 'theirs'> {
  readonly target?: Target;
}

export function rowOf(parts: RowParts): Row {
  const ratio = parts.ours.median / parts.theirs.median;
  const { target } = parts;
  if (!target) return { ...parts, ratio };
  const judged = target.on === 'ratio' ? ratio : parts.ours.median;
  const ok = judged >= (target.atLeast ?? -Infinity) && judged <= (target.atMost ?? Infinity);
  return { ...parts, ratio, ok };
}

/** CPU time of this process, all its threads, since `before` (of `process.cpuUsage()`), in µs. */
export function cpuUsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return user + system;
}
