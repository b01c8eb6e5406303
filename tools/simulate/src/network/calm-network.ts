import type { SimulatedRedis } from '../redis/simulated-redis.ts';
import { Machine } from './machine.ts';
import type { Network } from './network.ts';
import { SimulatedClient } from './simulated-client.ts';

/** A client of one process over a network that is quick and loses nothing. */
export function calmClient(server: SimulatedRedis): SimulatedClient {
  const network: Network = {
    route: () => server,
    latencyMs: () => 0,
    noticeMs: () => 0,
    fate: () => ({ kind: 'answered' }),
    after: (ms, arrive) => void setTimeout(arrive, ms),
  };
  return new SimulatedClient(network, new Machine('calm'));
}
