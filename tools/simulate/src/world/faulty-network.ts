import type { Machine } from '../network/machine.ts';
import type { Fate, Network } from '../network/network.ts';
import type { Random } from '../random.ts';
import type { SimulatedRedis } from '../redis/simulated-redis.ts';
import type { RedisFleet } from './redis-fleet.ts';

/** ioredis gives a silent connection up after this. */
const SOCKET_TIMEOUT_MS = 5_000;

const REFUSALS = [
  'LOADING Redis is loading the dataset in memory',
  "READONLY You can't write against a read only replica.",
  "OOM command not allowed when used memory > 'maxmemory'.",
  'BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.',
  'TRYAGAIN Multiple keys request during rehashing of slot',
  'CLUSTERDOWN The cluster is down',
] as const;

export interface FaultyNetworkOptions {
  readonly random: Random;
  readonly fleet: RedisFleet;
  readonly after: (ms: number, run: () => void) => void;
  /** A fault has been injected. */
  readonly onFault: (kind: string, where: string) => void;
  /** Of a request, while faults are on. */
  readonly faultProbability: number;
}

/** Slow and fast in turn; loses, delays and repeats what it carries, while {@link isFaulty}. */
export class FaultyNetwork implements Network {
  isFaulty = false;
  readonly #options: FaultyNetworkOptions;
  /** One way, at most; changes now and then. */
  #latencyMsMax = 3;

  constructor(options: FaultyNetworkOptions) {
    this.#options = options;
  }

  set latencyMsMax(ms: number) {
    this.#latencyMsMax = ms;
  }

  route(machine: Machine): SimulatedRedis | undefined {
    return this.#options.fleet.route(machine);
  }

  after(ms: number, arrive: () => void): void {
    this.#options.after(ms, arrive);
  }

  latencyMs(): number {
    return this.#options.random.int(0, this.#latencyMsMax);
  }

  /** Most ends are noticed at once: the peer's kernel says so. A machine that has vanished says nothing. */
  noticeMs(): number {
    const { random } = this.#options;
    return this.isFaulty && random.chance(0.1) ? SOCKET_TIMEOUT_MS : random.int(0, 30);
  }

  fate(machine: Machine, command: readonly string[]): Fate {
    const { random, faultProbability, onFault } = this.#options;
    if (!this.isFaulty || !random.chance(faultProbability)) return { kind: 'answered' };
    const fate = this.#fault(isWrite(command));
    if (fate.kind !== 'answered') onFault(fate.kind, `${machine.name} ${command[0]}`);
    return fate;
  }

  #fault(mayBeSentTwice: boolean): Fate {
    const { random } = this.#options;
    const breaksAfterMs = () => (random.chance(0.1) ? SOCKET_TIMEOUT_MS : random.int(1, 60));
    const kind = random.weighted({ request_lost: 2, reply_lost: 4, late: 3, twice: 2, refused: 2 });
    switch (kind) {
      case 'request_lost':
      case 'reply_lost':
        return { kind, breaksAfterMs: breaksAfterMs() };
      case 'late':
        return { kind, arrivesAfterMs: random.int(10, random.chance(0.5) ? 300 : 6_000) };
      case 'twice':
        if (!mayBeSentTwice) return { kind: 'answered' };
        return { kind, againAfterMs: random.int(0, 200), answer: random.pick(['first', 'second']) };
      case 'refused':
        return { kind, error: random.pick(REFUSALS) };
    }
  }
}

function isWrite([name = '']: readonly string[]): boolean {
  return name === 'EVAL' || name === 'EVALSHA' || name === 'SET';
}
