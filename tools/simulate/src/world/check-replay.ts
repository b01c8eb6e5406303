import { Market } from '@depthcast/market';
import type { StreamEntry } from '../redis/stream.ts';
import type { Violation } from './checks.ts';
import type { World } from './world.ts';

/**
 * The same inputs give the same log, byte for byte, whoever wrote it and however often it was taken over. Told of runs
 * in which Redis' inbox is the one that was applied: after a repair it holds the lost inputs where they were sent again.
 */
export function checkReplay(world: World, log: readonly StreamEntry[]): Violation[] {
  if (world.repairs > 0 || world.faults.upgrade_engines !== undefined) return [];
  const market = new Market();
  const wanted = world.stream(world.keys.inbox).everAdded.flatMap(({ id, fields: [topic = '', payload = ''] }) => {
    return market.applyEntry(topic, payload).map((event) => ({ input: id, text: `${event.topic} ${event.payload}` }));
  });
  const got = log.filter(({ fields }) => fields[0] !== 'engine' && fields[0] !== 'epoch');
  const length = Math.max(wanted.length, got.length);
  for (let i = 0; i < length; i++) {
    const text = got[i]?.fields.join(' ');
    if (text === wanted[i]?.text) continue;
    const what = `at ${got[i]?.id} the log holds ${text}, a replay gives ${wanted[i]?.text} of ${wanted[i]?.input}`;
    return [{ kind: 'broken', what }];
  }
  return [];
}
