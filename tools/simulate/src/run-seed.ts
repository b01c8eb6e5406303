import { Random } from './random.ts';
import type { Omissions } from './redis/simulated-redis.ts';
import { Trace } from './trace.ts';
import type { VirtualTime } from './virtual-time.ts';
import { check, type Violation } from './world/checks.ts';
import { FaultSchedule } from './world/fault-schedule.ts';
import { World } from './world/world.ts';

export interface SeedResult {
  readonly seed: number;
  readonly violations: readonly Violation[];
  /** By kind. */
  readonly faults: Readonly<Record<string, number>>;
  /** Entries of the log, those that have been trimmed too. */
  readonly events: number;
  readonly inputs: number;
  readonly epochs: number;
  readonly repairs: number;
  /** How readers were told that they have to begin anew, by reason. */
  readonly resets: Readonly<Record<string, number>>;
  /** Of everything that happened, in order. */
  readonly hash: string;
}

export interface SeedOptions {
  readonly time: VirtualTime;
  readonly seed: number;
  readonly without?: Omissions;
  /** See WorldOptions; default false. */
  readonly losesTakeovers?: boolean;
  /** Shown every step; undefined: nobody looks. */
  readonly onLine?: (line: string) => void;
}

/** In which everything starts. */
const CALM_MS = 2_000;
const FAULTS_MS_MIN = 5_000;
const FAULTS_MS_MAX = 20_000;
/** In which every fault comes to its end by itself. */
const MENDING_MS = 12_000;
/** Longer than any process waits before it does something. */
const REST_MS = 3_500;
const REST_MS_MAX = 60_000;

/** One run of a whole partition: some seconds of work and faults, then peace, then the reckoning. */
export async function runSeed(options: SeedOptions): Promise<SeedResult> {
  const { time, seed, without = new Set<string>(), losesTakeovers = false, onLine } = options;
  time.begin(seed);
  const trace = new Trace(onLine);
  const world = new World({ time, seed, without, losesTakeovers, tell: (line) => trace.add(line) });
  const onUnhandled = (error: unknown) => {
    world.defects.push(`a rejection that nobody handles: ${error instanceof Error ? error.stack : error}`);
  };
  process.on('unhandledRejection', onUnhandled);
  try {
    const isAtRest = await live(world, time, new Random(seed, 'schedule'));
    const violations = check(world);
    if (!isAtRest && violations.length === 0) violations.push({ kind: 'broken', what: 'it does not come to rest' });
    return resultOf(world, seed, violations, trace);
  } finally {
    world.end();
    await time.pass(Date.now(), () => false);
    process.off('unhandledRejection', onUnhandled);
  }
}

/** @returns whether it has come to rest in the end. */
async function live(world: World, time: VirtualTime, random: Random): Promise<boolean> {
  const faults = new FaultSchedule(world, random);
  const isOver = () => world.defects.length > 0;
  const pass = (ms: number) => time.pass(Date.now() + ms, isOver);
  world.start();
  await pass(CALM_MS);
  faults.start();
  await pass(random.int(FAULTS_MS_MIN, FAULTS_MS_MAX));
  faults.stop();
  await pass(MENDING_MS);
  world.rest();
  return time.pass(Date.now() + REST_MS_MAX, restsFor(world, REST_MS));
}

/** Comes true once nothing has changed for so long. */
function restsFor(world: World, ms: number): () => boolean {
  let last = '';
  let sinceMs = 0;
  return () => {
    if (world.defects.length > 0) return true;
    const now = world.isQuiet() ? world.stream(world.keys.log).lastId : '';
    if (now !== last || now === '') {
      last = now;
      sinceMs = Date.now();
    }
    return Date.now() - sinceMs >= ms;
  };
}

function resultOf(world: World, seed: number, violations: readonly Violation[], trace: Trace): SeedResult {
  const log = world.stream(world.keys.log).everAdded;
  for (const { id, fields } of log) trace.note(id, fields);
  return {
    seed,
    violations,
    faults: world.faults,
    events: log.length,
    inputs: world.stream(world.keys.inbox).everAdded.length,
    epochs: new Set(log.map(({ ms }) => ms)).size,
    repairs: world.repairs,
    resets: world.sightings.resets,
    hash: trace.hash,
  };
}
