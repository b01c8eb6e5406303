import fc from 'fast-check';
import { EPOCH, HELD, keys, run } from './script-cases.ts';
import { dump, type Observed, type Session, say } from './session.ts';

type Line = readonly [string, ...(string | number)[]];

const key = fc.constantFrom('a', 'b', 'c');
const number = fc.integer({ min: 0, max: 6 });
const id = fc.oneof(
  fc.tuple(number, number).map(([ms, seq]) => `${ms}-${seq}`),
  number.map((ms) => `${ms}-*`),
  number.map(String),
);
const end = fc.oneof(
  fc.constantFrom('-', '+'),
  fc.tuple(fc.constantFrom('', '('), number, number).map(([open, ms, seq]) => `${open}${ms}-${seq}`),
);
const field = fc.constantFrom('x', 'y');
const line: fc.Arbitrary<Line> = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(fc.constant('XADD'), key, id, field, number) },
  fc.tuple(fc.constant('XRANGE'), key, end, end),
  fc.tuple(fc.constant('XREVRANGE'), key, end, end, fc.constant('COUNT'), fc.integer({ min: 1, max: 3 })),
  fc.tuple(fc.constant('XREAD'), fc.constant('STREAMS'), key, number),
  fc.tuple(fc.constant('XTRIM'), key, fc.constant('MAXLEN'), number),
  fc.tuple(fc.constant('XTRIM'), key, fc.constant('MINID'), number),
  fc.tuple(fc.constant('XLEN'), key),
  fc.tuple(fc.constant('HSET'), key, field, number),
  fc.tuple(fc.constant('HINCRBY'), key, field, number),
  fc.tuple(fc.constant('HDEL'), key, field),
  fc.tuple(fc.constant('HGETALL'), key),
  fc.tuple(fc.constant('SET'), key, number),
  fc.tuple(fc.constant('GET'), key),
  fc.tuple(fc.constant('DEL'), key),
);

/** Any commands, in any order. */
export const lines = fc.array(line, { minLength: 5, maxLength: 40 });

export async function sayAll(session: Session, given: readonly Line[]): Promise<Observed> {
  const replies: Observed[] = [];
  for (const [name, ...args] of given) replies.push(await say(session, name, ...args));
  return { replies, held: await dump(session, ['a', 'b', 'c']) };
}

/** One script call: what is wrong with it, if anything. */
export interface ScriptCall {
  readonly name: 'append' | 'repair' | 'claim' | 'snapshot' | 'trim' | 'retire' | 'epoch' | 'produce' | 'foul';
  /** Which part of the position is off, and by how much. */
  readonly off: 'epoch' | 'term' | 'offset' | 'crc' | 'none';
  readonly by: number;
  readonly count: number;
}

export const scriptCalls = fc.array(
  fc.record<ScriptCall>({
    name: fc.constantFrom(
      'append',
      'append',
      'append',
      'repair',
      'claim',
      'snapshot',
      'trim',
      'retire',
      'epoch',
      'produce',
      'foul',
    ),
    off: fc.constantFrom('none', 'none', 'none', 'none', 'epoch', 'term', 'offset', 'crc'),
    by: fc.constantFrom(-1, 1),
    count: fc.integer({ min: 0, max: 4 }),
  }),
  { minLength: 5, maxLength: 40 },
);

/** Calls whose arguments follow from what is held by then, so that most of them are good ones. */
export async function callAll(session: Session, calls: readonly ScriptCall[]): Promise<Observed> {
  const replies: Observed[] = [];
  for (const [i, call] of calls.entries()) replies.push([call.name, await callOne(session, call, i)]);
  return { replies, held: await dump(session, HELD) };
}

async function callOne(session: Session, { name, off, by, count }: ScriptCall, i: number): Promise<Observed> {
  const tip = (await say(session, 'HGETALL', keys.tip)) as string[] | Record<string, string>;
  const at = (part: string) => {
    const held = Array.isArray(tip) ? tip[tip.indexOf(part) + 1] : tip[part];
    return Number(held ?? 0) + (off === part ? by : 0);
  };
  const [epoch, term, offset, crc] = [at('epoch'), at('term'), at('offset'), at('crc')];
  const entries = Array.from({ length: count }, (_, n) => ['trade:A', `{"n":${i}.${n}}`]).flat();
  const toLog = [keys.log, keys.tip];
  switch (name) {
    case 'append':
      return run(session, name, toLog, [epoch, term, offset, crc, crc + i + 1, `${i}-0`, ...entries]);
    case 'repair': {
      const args = [epoch, term, offset, crc, `w${by}`, crc + i, '4', `state ${i}`, ...entries];
      return run(session, name, [...toLog, keys.snapshot], args);
    }
    case 'claim':
      return run(session, name, toLog, [`w${by}`]);
    case 'snapshot': {
      const args = [epoch, term, offset, `${i}-0`, '4', `state ${i}`, '["A"]', '[]', `book ${i}`];
      return run(session, name, [keys.snapshot, keys.tip, keys.inbox, keys.book('A')], args);
    }
    case 'trim':
      return run(session, name, [...toLog, keys.snapshot, keys.watermark], [term, count]);
    case 'retire': {
      const durable = off === 'crc' ? '0-0' : `${epoch}-${Math.max(0, offset - count)}`;
      return run(session, name, [...toLog, keys.snapshot, keys.watermark], [durable, by + 1]);
    }
    case 'epoch':
      return run(session, name, [...toLog, keys.snapshot], [term, epoch, `w${by}`, 'why', `${i}-0`, '4', 'state']);
    case 'produce':
      // Its ids are the clock's, which two Redis do not share: beyond it they count on from the last.
      await say(session, 'XADD', keys.inbox, `${EPOCH}-*`, 'clock', '{}');
      return run(session, name, [keys.inbox], [20 + count, by > 0 ? session.runId : 'another', ...entries]);
    case 'foul':
      if (off === 'crc') return say(session, 'HSET', keys.tip, 'runId', by > 0 ? session.runId : 'another');
      if (off === 'offset') return say(session, 'XADD', keys.log, `${epoch}-*`, 'by', 'hand');
      return off === 'term' ? say(session, 'DEL', keys.snapshot) : undefined;
  }
}
