import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Keyspace } from './keyspace.ts';
import { ReplyError } from './reply.ts';
import { SimulatedRedis } from './simulated-redis.ts';
import { Stream } from './stream.ts';

const key = fc.constantFrom('a', 'b');
const text = fc.integer({ min: 0, max: 9 }).map(String);
const command = fc.oneof(
  fc.tuple(fc.constant('XADD'), key, fc.constant('5-*'), fc.constant('n'), text),
  fc.tuple(fc.constant('XTRIM'), key, fc.constant('MAXLEN'), text),
  fc.tuple(fc.constant('HSET'), key, fc.constant('f'), text),
  fc.tuple(fc.constant('HDEL'), key, fc.constant('f')),
  fc.tuple(fc.constant('SET'), key, text),
  fc.tuple(fc.constant('DEL'), key),
);

function carryOut(redis: SimulatedRedis, commands: readonly (readonly string[])[]): void {
  for (const one of commands) {
    try {
      redis.execute(one);
    } catch (error) {
      if (!(error instanceof ReplyError)) throw error;
    }
  }
}

function shown(keyspace: Keyspace): unknown {
  return ['a', 'b'].map((name) => {
    const value = keyspace.get(name, 0);
    if (value instanceof Map) return [...value];
    if (!(value instanceof Stream)) return value;
    const entries = value.everAdded.map(({ id, fields }) => [id, ...fields]);
    return { entries, length: value.length, last: value.lastId };
  });
}

describe('a process that succeeds another', () => {
  it('holds what that one held before the first command that it lost, and the two go on apart', () => {
    fc.assert(
      fc.property(
        fc.array(command, { maxLength: 30 }),
        fc.array(command, { maxLength: 10 }),
        fc.nat(),
        (all, more, at) => {
          const before = new SimulatedRedis({ runId: 'before' });
          carryOut(before, all);
          const held = shown(before.keyspace);
          // Commands that changed nothing leave nothing to lose.
          const writes = before.keyspace.recentWrites(Date.now(), 1_000);
          const lost = writes[at % (writes.length + 1)];
          const after = new SimulatedRedis({ runId: 'after', keyspace: before.keyspace.before(lost?.command) });
          const prefix = new SimulatedRedis({ runId: 'prefix' });
          carryOut(prefix, all.slice(0, lost ? lost.command - 1 : all.length));
          expect(shown(after.keyspace)).toEqual(shown(prefix.keyspace));
          carryOut(after, more);
          carryOut(prefix, more);
          expect(shown(after.keyspace)).toEqual(shown(prefix.keyspace));
          expect(shown(before.keyspace)).toEqual(held);
        },
      ),
      { numRuns: 500 },
    );
  });
});
