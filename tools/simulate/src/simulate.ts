import { type Arguments, parseArguments, USAGE } from './arguments.ts';
import { BREAKS } from './breaks.ts';
import { Report } from './report.ts';
import { runSeed, type SeedResult } from './run-seed.ts';
import type { VirtualTime } from './virtual-time.ts';

/** A whole partition holds; or one without a protection has been found out. */
const AS_IT_SHOULD_BE = 0;
const NOT_AS_IT_SHOULD_BE = 1;
const CALLED_WRONGLY = 2;
/** A line after so many. */
const PROGRESS_SEEDS = 100;

/**
 * Runs seeds until one shows a violation, and says what came of it.
 *
 * @param seconds since the beginning, of real time.
 * @returns the exit code.
 */
export async function simulate(args: readonly string[], time: VirtualTime, seconds: () => number): Promise<number> {
  let called: Arguments;
  try {
    called = parseArguments(args);
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`);
    return CALLED_WRONGLY;
  }
  const { firstSeed, seeds, breakName, losesTakeovers, isVerbose } = called;
  const broken = breakName === undefined ? undefined : BREAKS[breakName];
  if (broken) console.log(`without ${breakName}: ${broken.what}`);
  const report = new Report();
  let violations: SeedResult['violations'] = [];
  for (let seed = firstSeed; seed < firstSeed + seeds && violations.length === 0; seed++) {
    const omissions = broken ? { without: broken.omissions(seed) } : {};
    const shown = isVerbose ? { onLine: console.log } : {};
    const result = await runSeed({ time, seed, losesTakeovers, ...omissions, ...shown });
    report.add(result);
    violations = result.violations;
    if (isVerbose) console.log(`sum of all that happened: ${result.hash}`);
    else if (report.seeds % PROGRESS_SEEDS === 0) console.log(`${report.seeds} seeds, ${seconds().toFixed(0)} s`);
    if (violations.length > 0) showViolations(result, called);
  }
  for (const line of report.lines(seconds())) console.log(line);
  return violations.length > 0 === (broken !== undefined) ? AS_IT_SHOULD_BE : NOT_AS_IT_SHOULD_BE;
}

function showViolations({ seed, violations }: SeedResult, { breakName, losesTakeovers }: Arguments): void {
  for (const { kind, what } of violations) console.log(`${kind}: ${what}`);
  const options = `${breakName ? ` --break ${breakName}` : ''}${losesTakeovers ? ' --lose-takeovers' : ''}`;
  const again = `npm run simulate -- --seed ${seed}${options}`;
  console.log(`VIOLATION in seed ${seed}. Again, step by step: ${again}`);
}
