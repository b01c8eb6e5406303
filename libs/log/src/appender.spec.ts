import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { APPENDS_IN_FLIGHT_MAX, Appender, type Position } from './appender.ts';
import type { Tip } from './tip.ts';

const START: Position = { epoch: 1_000, term: 1, offset: 0, crc: 0, inboxId: '0-0' };

/** What happens to one request on its way: carried out or not, answered or not, and on which process. */
const fates = [
  'answered',
  'reply lost',
  'request lost',
  'carried out twice',
  'refused while loading',
  'restarted',
] as const;
type Fate = (typeof fates)[number];

/** Redis as append.lua makes it: an append lands only on the very position it names. */
class FakeLog {
  readonly payloads: string[] = [];
  tip: Position = START;
  /** The process has been replaced, and the tip not yet adopted. */
  replaced = false;
  inFlight = 0;
  inFlightMost = 0;
  readonly #fates: Fate[];

  constructor(schedule: readonly Fate[]) {
    this.#fates = [...schedule];
  }

  async send(args: readonly (string | number)[]): Promise<unknown> {
    this.inFlightMost = Math.max(this.inFlightMost, ++this.inFlight);
    const fate = this.#fates.shift() ?? 'answered';
    await Promise.resolve();
    try {
      if (fate === 'request lost') throw new Error('Connection is closed.');
      if (fate === 'refused while loading') throw Object.assign(new Error('LOADING'), { name: 'ReplyError' });
      if (fate === 'restarted') this.replaced = true;
      let reply = this.#carryOut(args);
      if (fate === 'carried out twice') reply = this.#carryOut(args);
      if (fate === 'reply lost') throw new Error('Connection is closed.');
      return reply;
    } finally {
      this.inFlight--;
    }
  }

  #carryOut([epoch, term, offset, crc, crcAfter, inboxId, ...entries]: readonly (string | number)[]): string[] {
    const { tip } = this;
    if (tip.term !== term) return ['FENCED', 'term', String(term), String(tip.term)];
    if (tip.epoch !== epoch || tip.offset !== offset) return ['FENCED', 'offset', String(offset), String(tip.offset)];
    if (tip.crc !== crc) return ['FENCED', 'crc', String(crc), String(tip.crc)];
    if (this.replaced) return ['FENCED', 'run-id', 'a', 'b'];
    for (let i = 0; i < entries.length; i += 2) this.payloads.push(`${entries[i]} ${entries[i + 1]}`);
    this.tip = { ...tip, offset: tip.offset + entries.length / 2, crc: Number(crcAfter), inboxId: String(inboxId) };
    return ['OK', String(this.tip.offset)];
  }

  appender(): Appender {
    return new Appender(START, {
      send: (args) => this.send(args),
      tip: async () => this.tip as Tip,
      adopt: async (position) => {
        const same =
          position.offset === this.tip.offset && position.crc === this.tip.crc && position.term === this.tip.term;
        if (same) this.replaced = false;
        return same;
      },
    });
  }
}

const batches = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 12 });
const eventsOf = (batch: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({ topic: 'trade:A', payload: `${batch}.${i}` }));

describe('appends that overlap', () => {
  it('land once each, in order, whatever happens to requests and replies', async () => {
    await fc.assert(
      fc.asyncProperty(batches, fc.array(fc.constantFrom(...fates), { maxLength: 20 }), async (sizes, schedule) => {
        const log = new FakeLog(schedule);
        const appender = log.appender();
        const cursors = await Promise.all(sizes.map((size, i) => appender.append(eventsOf(i, size), `${i + 1}-0`)));
        expect(log.payloads).toEqual(
          sizes.flatMap((size, i) => eventsOf(i, size).map((e) => `${e.topic} ${e.payload}`)),
        );
        let offset = 0;
        expect(cursors.map((cursor) => cursor.offset)).toEqual(sizes.map((size) => (offset += size)));
        expect(appender.position).toEqual(log.tip);
        expect(log.inFlightMost).toBeLessThanOrEqual(APPENDS_IN_FLIGHT_MAX);
      }),
      { numRuns: 100 },
    );
  }, 60_000);

  it('really overlap', async () => {
    const log = new FakeLog([]);
    const appender = log.appender();
    await Promise.all([1, 2, 3].map((i) => appender.append(eventsOf(i, 1), `${i}-0`)));
    expect(log.inFlightMost).toBe(2);
  });

  it('all fail once somebody else has taken over, and nothing of theirs lands after that', async () => {
    await fc.assert(
      fc.asyncProperty(
        batches,
        fc.array(fc.constantFrom(...fates), { maxLength: 10 }),
        fc.nat(),
        async (sizes, schedule, at) => {
          const log = new FakeLog(schedule);
          const appender = log.appender();
          const outcomes: boolean[] = [];
          let taken: string[] | undefined;
          for (const [i, size] of sizes.entries()) {
            if (i === at % sizes.length) {
              taken = [...log.payloads];
              log.tip = { ...log.tip, term: 2 };
            }
            outcomes.push(
              await appender.append(eventsOf(i, size), `${i + 1}-0`).then(
                () => true,
                (error) => {
                  expect(error).toMatchObject({ code: 'FENCED' });
                  return false;
                },
              ),
            );
          }
          expect(log.payloads).toEqual(taken);
          expect(outcomes).toEqual(sizes.map((_, i) => i < at % sizes.length));
        },
      ),
      { numRuns: 60 },
    );
  }, 60_000);
});
