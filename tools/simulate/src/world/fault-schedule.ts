import type { Machine } from '../network/machine.ts';
import type { Random } from '../random.ts';
import type { World } from './world.ts';

/** How often each comes, against the others. */
const WEIGHTS = {
  kill_engine: 4,
  pause_engine: 5,
  stop_engine: 1,
  upgrade_engines: 0.3,
  failover: 5,
  restart_redis: 2,
  lose_lease: 1,
  turn_redis_clock: 1,
  cut_off: 3,
  slow_network: 2,
  fill_memory: 1,
  kill_producer: 1.5,
  pause_producer: 1,
  kill_reader: 2,
  pause_reader: 1,
} as const;

type FaultKind = keyof typeof WEIGHTS;

/** What comes right behind a claim, an epoch or a repair, when it comes. */
const WEIGHTS_AT_A_TURN = { failover: 4, restart_redis: 1, kill_engine: 2, pause_engine: 2, cut_off: 1 } as const;
const TURN_MS_MAX = 600;
const CALM_LATENCY_MS_MAX = 3;

/** Breaks something now and then; each fault sets when it ends. */
export class FaultSchedule {
  readonly #world: World;
  readonly #random: Random;
  readonly #everyMs: number;
  /** How often a claim, an epoch or a repair is followed by a fault. */
  readonly #atTurns: number;
  readonly #faults: Readonly<Record<FaultKind, () => void>>;
  #isOn = false;

  constructor(world: World, random: Random) {
    this.#world = world;
    this.#random = random;
    this.#everyMs = random.pick([300, 800, 2_000]);
    this.#atTurns = random.pick([0, 0.2, 0.5]);
    this.#faults = {
      kill_engine: () => this.#toEngine('kill_engine', (engine) => engine.kill(random.int(50, 3_000))),
      stop_engine: () => this.#toEngine('stop_engine', (engine) => engine.stop()),
      pause_engine: () => {
        const ms = random.int(50, random.pick([800, 4_000, 8_000]));
        this.#toEngine('pause_engine', ({ machine }) => this.#pause(machine, ms));
      },
      upgrade_engines: () => this.#upgrade(),
      failover: () => this.#succeed('failover', random.chance(0.4)),
      restart_redis: () => this.#succeed('restart_redis', false),
      lose_lease: () => this.#loseLease(),
      turn_redis_clock: () => this.#turnClock(),
      cut_off: () => this.#cutOff(random.pick(world.machines)),
      slow_network: () => this.#slow(),
      fill_memory: () => this.#fillMemory(),
      kill_producer: () => {
        const place = random.pick(world.producers);
        world.countFault('kill_producer', place.machine.name);
        world.killProducer(place);
      },
      kill_reader: () => {
        const place = random.pick(world.followers);
        world.countFault('kill_reader', place.machine.name);
        world.killFollower(place);
      },
      pause_producer: () => this.#pauseOneOf('pause_producer', world.producers),
      pause_reader: () => this.#pauseOneOf('pause_reader', world.followers),
    };
  }

  start(): void {
    const random = this.#random;
    this.#isOn = true;
    this.#world.network.isFaulty = true;
    this.#world.onTurn = () => {
      if (!this.#isOn || !random.chance(this.#atTurns)) return;
      const kind = random.weighted(WEIGHTS_AT_A_TURN);
      this.#world.later(random.int(0, TURN_MS_MAX), () => this.#faults[kind]());
    };
    this.#next();
  }

  /** No more faults; those that last come to their end. */
  stop(): void {
    this.#isOn = false;
    this.#world.network.isFaulty = false;
    this.#world.network.latencyMsMax = CALM_LATENCY_MS_MAX;
  }

  #next(): void {
    const random = this.#random;
    this.#world.later(random.int(this.#everyMs / 4, this.#everyMs * 2), () => {
      if (!this.#isOn) return;
      this.#faults[random.weighted(WEIGHTS)]();
      // Faults come in company more often than not: the second finds what the first has left open.
      if (random.chance(0.3)) this.#faults[random.weighted(WEIGHTS)]();
      this.#next();
    });
  }

  /** Mostly the one that appends. */
  #toEngine(kind: FaultKind, strike: (engine: World['engines'][number]) => void): void {
    const world = this.#world;
    const leader = this.#random.chance(0.75) ? world.leader : undefined;
    const engine = leader ?? this.#random.pick(world.engines);
    if (engine.machine.isDead) return;
    world.countFault(kind, engine.machine.name);
    strike(engine);
  }

  #pauseOneOf(kind: FaultKind, places: readonly { readonly machine: Machine }[]): void {
    const { machine } = this.#random.pick(places);
    this.#world.countFault(kind, machine.name);
    this.#pause(machine, this.#random.int(50, 3_000));
  }

  #pause(machine: Machine, ms: number): void {
    machine.pause();
    this.#world.later(ms, () => {
      this.#world.tell(`${machine.name} wakes up`);
      machine.resume();
    });
  }

  /** One by one, as they come to be started anew. */
  #upgrade(): void {
    const { engines } = this.#world;
    this.#world.countFault('upgrade_engines', 'all');
    for (const engine of engines) engine.market = { anomalyCalmSeconds: this.#random.int(10, 12) };
    this.#random.pick(engines).stop();
  }

  #loseLease(): void {
    const { fleet, keys, leader } = this.#world;
    this.#world.countFault('lose_lease', leader?.machine.name ?? 'nobody');
    fleet.current.forget(keys.leader);
  }

  #turnClock(): void {
    const ms = this.#random.int(-4_000, 4_000);
    this.#world.countFault('turn_redis_clock', `${ms} ms`);
    this.#world.fleet.current.clockSkewMs += ms;
  }

  #slow(): void {
    const ms = this.#random.pick([1, 10, 60, 200]);
    this.#world.countFault('slow_network', `${ms} ms`);
    this.#world.network.latencyMsMax = ms;
  }

  /** Some may be left on the process before, which lives on: the engine that appends, whoever sends to it or reads. */
  #succeed(kind: FaultKind, livesOn: boolean): void {
    const { fleet, leader, producers, followers, machines } = this.#world;
    const random = this.#random;
    const leavable = [...producers, ...followers, ...(leader ? [leader] : [])].map(({ machine }) => machine);
    const leftBehind = leavable.filter(() => livesOn && random.chance(0.5));
    const succession = {
      loss: random.pick(['nothing', 'few', 'few', 'second', 'second'] as const),
      outageMs: random.chance(0.3) ? 0 : random.int(1, kind === 'restart_redis' ? 4_000 : 1_000),
      loadingMs: random.chance(0.3) ? random.int(1, 800) : 0,
      clockSkewMs: random.pick([0, 0, random.int(-5_000, 0), random.int(-5_000, 5_000)]),
      livesOnMs: livesOn ? random.int(50, 2_500) : 0,
      leftBehind,
      others: machines.filter((machine) => !leftBehind.includes(machine)),
    };
    const { loss, outageMs, livesOnMs, clockSkewMs } = succession;
    const left = leftBehind.map(({ name }) => name).join(' ') || 'nobody';
    const what = `loses ${loss}, out ${outageMs} ms, clock ${clockSkewMs} ms, the old one ${livesOnMs} ms for ${left}`;
    this.#world.countFault(kind, what);
    fleet.succeed(succession);
  }

  #cutOff(machine: Machine): void {
    this.#world.countFault('cut_off', machine.name);
    machine.isCutOff = true;
    for (const wire of machine.wires) wire.cut();
    this.#world.later(this.#random.int(20, 3_000), () => {
      machine.isCutOff = false;
    });
  }

  #fillMemory(): void {
    const redis = this.#world.fleet.current;
    this.#world.countFault('fill_memory', `P${Number(redis.runId)}`);
    redis.maxMemoryBytes = Math.floor(redis.usedMemoryBytes * this.#random.pick([0.9, 1.1]));
    this.#world.later(this.#random.int(100, 2_000), () => {
      redis.maxMemoryBytes = 0;
    });
  }
}
