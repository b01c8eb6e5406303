import { INBOX_START, partitionKeys, type RedisClient } from '@depthcast/log';
import type { Cursor } from '@depthcast/protocol';
import { Machine } from '../network/machine.ts';
import { SimulatedClient } from '../network/simulated-client.ts';
import { Random } from '../random.ts';
import type { Omissions } from '../redis/simulated-redis.ts';
import { Stream } from '../redis/stream.ts';
import type { VirtualTime } from '../virtual-time.ts';
import { EngineSlot } from './engine-slot.ts';
import { FaultyNetwork } from './faulty-network.ts';
import { Follower } from './follower.ts';
import { Ledger } from './ledger.ts';
import { type Counters, Ingest, OrderDesk, type ProducerOptions } from './producers.ts';
import { RedisFleet } from './redis-fleet.ts';
import { Sightings } from './sightings.ts';

export interface WorldOptions {
  readonly time: VirtualTime;
  readonly seed: number;
  readonly without: Omissions;
  /**
   * Redis may also lose a takeover whose predecessor is alive. The one goes on under ids that the other has given then,
   * in the same epoch, and neither can know of it.
   */
  readonly losesTakeovers: boolean;
  /** Everything that happens, as it happens. */
  readonly tell: (line: string) => void;
}

const ENGINES = 3;
const FOLLOWERS = 3;
const ORDERS_AFTER_MS = 1_500;

type Producer = Ingest | OrderDesk;

/** A process that can be replaced by another of its kind. */
interface Place<T> {
  readonly name: string;
  machine: Machine;
  what: T;
}

/** A whole partition: Redis, engines, producers and readers, and the network between them. */
export class World {
  readonly keys = partitionKeys();
  readonly ledger = new Ledger();
  readonly sightings = new Sightings();
  readonly faults: Record<string, number> = {};
  readonly defects: string[] = [];
  readonly fleet: RedisFleet;
  readonly network: FaultyNetwork;
  readonly engines: EngineSlot[];
  readonly producers: Place<Producer>[];
  readonly followers: Place<{ readonly follower: Follower; readonly abort: AbortController }>[];
  /** Carried out, whether or not the engine lived to hear of it. */
  repairs = 0;
  /** An engine has just taken over, opened an epoch or repaired the log: the most delicate moment for a fault. */
  onTurn: () => void = () => {};
  readonly #options: WorldOptions;
  readonly #random: Random;
  readonly #counters: Counters = { trade: 0, update: 0, order: 0 };
  #starts = 0;
  /** Whom the tip names. */
  #writer: string | undefined;
  #isWorking = true;

  constructor(options: WorldOptions) {
    this.#options = options;
    const { seed, without } = options;
    const after = (ms: number, run: () => void) => this.later(ms, run);
    this.#random = new Random(seed, 'world');
    this.fleet = new RedisFleet({
      random: new Random(seed, 'redis'),
      without,
      after,
      onScript: (name) => this.#onScript(name),
    });
    this.network = new FaultyNetwork({
      random: new Random(seed, 'network'),
      fleet: this.fleet,
      after,
      onFault: (kind, where) => this.countFault(kind, where),
      faultProbability: this.#random.pick([0, 0.002, 0.01, 0.03]),
    });
    this.engines = Array.from({ length: ENGINES }, (_, i) => this.#engine(`engine-${i + 1}`));
    this.producers = ['ingest', 'orders-1', 'orders-2'].map((name) => this.#producer(name));
    this.followers = Array.from({ length: FOLLOWERS }, (_, i) => this.#follower(`reader-${i + 1}`, undefined));
  }

  get machines(): Machine[] {
    return [...this.engines, ...this.producers, ...this.followers].map(({ machine }) => machine);
  }

  /** The engine that holds the lease, as far as Redis knows. */
  get leader(): EngineSlot | undefined {
    const { current } = this.fleet;
    const holder = current.keyspace.get(this.keys.leader, current.clockMs);
    return this.engines.find(({ machine }) => machine.name === holder);
  }

  stream(key: string): Stream {
    const { current } = this.fleet;
    const value = current.keyspace.get(key, current.clockMs);
    return value instanceof Stream ? value : new Stream();
  }

  hash(key: string): ReadonlyMap<string, string> {
    const { current } = this.fleet;
    const value = current.keyspace.get(key, current.clockMs);
    return value instanceof Map ? value : new Map();
  }

  text(key: string): string | undefined {
    const { current } = this.fleet;
    const value = current.keyspace.get(key, current.clockMs);
    return typeof value === 'string' ? value : undefined;
  }

  start(): void {
    for (const engine of this.engines) engine.start();
    // Orders come once there is a market, and event time.
    for (const place of this.producers) {
      this.later(place.name === 'ingest' ? 0 : ORDERS_AFTER_MS, () => this.#work(place));
    }
  }

  /** Something that is no process' own doing. */
  later(ms: number, run: () => void): void {
    this.#options.time.asNobody(() => setTimeout(run, ms));
  }

  countFault(kind: string, where: string): void {
    this.faults[kind] = (this.faults[kind] ?? 0) + 1;
    this.tell(`${kind}: ${where}`);
  }

  tell(line: string): void {
    this.#options.tell(line);
  }

  killProducer(place: Place<Producer>): void {
    this.ledger.killedAtMs.set(place.machine.name, Date.now());
    place.machine.kill();
    Object.assign(place, this.#producer(place.name));
    this.#work(place);
  }

  /** Its client comes back with the cursor that it had, to another gateway. */
  killFollower(place: World['followers'][number]): void {
    place.machine.kill();
    place.what.abort.abort();
    Object.assign(place, this.#follower(place.name, place.what.follower.cursor));
  }

  /** Producers make nothing new. */
  rest(): void {
    this.#isWorking = false;
  }

  /** Lets go of everything. */
  end(): void {
    for (const machine of this.machines) machine.kill();
    for (const engine of this.engines) engine.end();
    for (const { what } of this.followers) what.abort.abort();
  }

  /** Everything is sent and, as far as a reader can be, read. Whether the engine is behind shows in a while. */
  isQuiet(): boolean {
    const last = this.stream(this.keys.log).lastId;
    const isRead = this.followers.every(({ what: { follower } }) => idOf(follower.cursor) === last);
    return last !== INBOX_START && isRead && this.producers.every(({ what }) => what.isDone());
  }

  #onScript(name: string): void {
    if (name === 'repair') this.repairs++;
    if (name !== 'repair' && name !== 'claim' && name !== 'epoch') return;
    const predecessor = this.engines.find(({ machine }) => machine.name === this.#writer)?.machine;
    this.#writer = this.hash(this.keys.tip).get('writer');
    const isTakeover = name === 'claim' && predecessor !== undefined;
    if (isTakeover && !this.#options.losesTakeovers) this.fleet.keep(() => !predecessor.isDead);
    this.onTurn();
  }

  #engine(name: string): EngineSlot {
    const { time, seed } = this.#options;
    return new EngineSlot({
      name,
      time,
      network: this.network,
      keys: this.keys,
      random: new Random(seed, name),
      tell: (line) => this.tell(line),
      onDefect: (what) => this.defects.push(what),
    });
  }

  #connect(name: string): { machine: Machine; client: RedisClient } {
    const machine = new Machine(`${name}.${++this.#starts}`);
    return { machine, client: new SimulatedClient(this.network, machine).asRedisClient };
  }

  #producer(name: string): Place<Producer> {
    const { machine, client } = this.#connect(name);
    const options: ProducerOptions = {
      name: machine.name,
      client,
      keys: this.keys,
      random: new Random(this.#options.seed, machine.name),
      ledger: this.ledger,
      counters: this.#counters,
    };
    const what = this.#options.time.as(machine, () => {
      return name === 'ingest' ? new Ingest(options) : new OrderDesk(options);
    });
    return { name, machine, what };
  }

  #work(place: Place<Producer>): void {
    const { machine, what } = place;
    const everyMs = this.#random.pick([20, 60, 150]);
    const work = () => {
      if (this.#isWorking) what.act();
      setTimeout(work, this.#random.int(1, everyMs * 2));
    };
    this.#options.time.as(machine, work);
  }

  #follower(name: string, cursor: Cursor | undefined): World['followers'][number] {
    const { machine, client } = this.#connect(name);
    const abort = new AbortController();
    const { keys, sightings } = this;
    const follower = new Follower({ name, client, keys, sightings, signal: abort.signal }, cursor);
    this.#options.time
      .as(machine, () => follower.run())
      .catch((error: Error) => {
        if (!machine.isDead) this.defects.push(`${machine.name}: ${error.stack}`);
      });
    return { name, machine, what: { follower, abort } };
  }
}

function idOf(cursor: Cursor | undefined): string {
  return cursor ? `${cursor.epoch}-${cursor.offset}` : '';
}
