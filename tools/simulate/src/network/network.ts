import type { SimulatedRedis } from '../redis/simulated-redis.ts';
import type { Machine } from './machine.ts';

/** What happens to one request on its way. */
export type Fate =
  /** Carried out once. */
  | { readonly kind: 'answered' }
  /** The connection breaks and the request never arrives, nor does what is sent after it. */
  | { readonly kind: 'request_lost'; readonly breaksAfterMs: number }
  /** Carried out, but the connection breaks before the answer is there. */
  | { readonly kind: 'reply_lost'; readonly breaksAfterMs: number }
  /** The connection breaks; the request arrives long after its sender has given up. */
  | { readonly kind: 'late'; readonly arrivesAfterMs: number }
  /** Something between sends it twice; the sender gets one of the two answers. */
  | { readonly kind: 'twice'; readonly againAfterMs: number; readonly answer: 'first' | 'second' }
  /** Redis refuses for the moment. */
  | { readonly kind: 'refused'; readonly error: string };

/** What lies between clients and Redis: where it leads, how long it takes, what it loses. */
export interface Network {
  /** The process that a new connection of this machine reaches; undefined: nobody answers. */
  route(machine: Machine): SimulatedRedis | undefined;
  /** One way. */
  latencyMs(): number;
  /** Until a client notices that the other end is gone. */
  noticeMs(): number;
  fate(machine: Machine, command: readonly string[]): Fate;
  /** What is on its way arrives, whatever has become of its sender. */
  after(ms: number, arrive: () => void): void;
}

/** As ioredis says it of a command whose connection broke. */
export function connectionClosed(): Error {
  return new Error('Connection is closed.');
}
