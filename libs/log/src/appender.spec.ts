import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { APPENDS_IN_FLIGHT_MAX, Appender } from './appender.ts';
import type { Position } from './position.ts';
import type { Repair, Repaired } from './repair.ts';
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
  'rolled back by 1',
  'rolled back by 3',
] as const;
type Fate = (typeof fates)[number];

/** Redis as append.lua and repair.lua make it: both land only on the very position they name. */
class FakeLog {
  readonly payloads: string[] = [];
  tip: Position = START;
  /** What each repair stored, and for which end of the log. */
  readonly snapshots: { readonly state: string; readonly offset: number }[] = [];
  readonly repairs: Repaired[] = [];
  repairsBegun = 0;
  inFlight = 0;
  inFlightMost = 0;
  /** Every tip so far: what a rollback may go back to. */
  #tips: Position[] = [START];
  #process = 1;
  #processOfTip = 1;
  readonly #fates: Fate[];

  constructor(schedule: readonly Fate[]) {
    this.#fates = [...schedule];
  }

  appender(state: () => string | undefined): Appender {
    return new Appender(START, {
      send: (args) => this.#fare(() => this.#append(args)),
      tip: async () => this.tipNow,
      runId: async () => String(this.#process),
      state,
      repair: (repair) => {
        this.repairsBegun++;
        return this.#fare(() => this.#repair(repair));
      },
      onRepaired: (repaired, runId) => {
        expect(runId).toBe(String(this.#process));
        this.repairs.push(repaired);
      },
    });
  }

  get tipNow(): Tip {
    return { ...this.tip, runId: String(this.#processOfTip) } as Tip;
  }

  /** Another process, without its last `appends`. */
  replace(appends: number): void {
    this.#process++;
    this.#tips.splice(Math.max(1, this.#tips.length - appends));
    this.tip = this.#tips.at(-1) as Position;
    this.payloads.splice(this.tip.offset);
  }

  /** Somebody else claims, which no rollback undoes. */
  takeOver(): void {
    this.tip = { ...this.tip, term: 2 };
    this.#tips = [this.tip];
  }

  async #fare(carryOut: () => string[]): Promise<unknown> {
    this.inFlightMost = Math.max(this.inFlightMost, ++this.inFlight);
    const fate = this.#fates.shift() ?? 'answered';
    // A turn of the event loop, in which more may be handed over.
    await new Promise(setImmediate);
    try {
      if (fate === 'refused while loading') throw Object.assign(new Error('LOADING'), { name: 'ReplyError' });
      if (fate === 'restarted') this.replace(0);
      const lost = /rolled back by (\d)/.exec(fate)?.[1];
      if (lost) this.replace(Number(lost));
      if (lost || fate === 'request lost') throw new Error('Connection is closed.');
      let reply = carryOut();
      if (fate === 'carried out twice') reply = carryOut();
      if (fate === 'reply lost') throw new Error('Connection is closed.');
      return reply;
    } finally {
      this.inFlight--;
    }
  }

  #append([epoch, term, offset, crc, crcAfter, inboxId, ...entries]: readonly (string | number)[]): string[] {
    const refusal = this.#refusal({ epoch, term, offset, crc } as unknown as Position);
    if (refusal) return refusal;
    if (this.#process !== this.#processOfTip) return ['FENCED', 'run-id', 'a', 'b'];
    this.#extend(entries as string[], Number(crcAfter), String(inboxId));
    return ['OK', String(this.tip.offset)];
  }

  #repair({ from, to, entries, state }: Repair): string[] {
    const refusal = this.#refusal(from);
    if (refusal) return refusal;
    this.#extend(entries, to.crc, 'rolled-back');
    expect(this.tip.offset).toBe(to.offset);
    this.#processOfTip = this.#process;
    this.snapshots.push({ state, offset: to.offset });
    return ['OK', 'rolled-back', String(this.#process)];
  }

  #refusal({ epoch, term, offset, crc }: Position): string[] | undefined {
    const { tip } = this;
    if (tip.term !== term) return ['FENCED', 'term', String(term), String(tip.term)];
    if (tip.epoch !== epoch || tip.offset !== offset) return ['FENCED', 'offset', String(offset), String(tip.offset)];
    return tip.crc === crc ? undefined : ['FENCED', 'crc', String(crc), String(tip.crc)];
  }

  #extend(entries: readonly string[], crc: number, inboxId: string): void {
    for (let i = 0; i < entries.length; i += 2) this.payloads.push(`${entries[i]} ${entries[i + 1]}`);
    this.tip = { ...this.tip, offset: this.tip.offset + entries.length / 2, crc, inboxId };
    this.#tips.push(this.tip);
  }
}

const batches = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 12 });
const schedules = fc.array(fc.constantFrom(...fates), { maxLength: 20 });
const eventsOf = (batch: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({ topic: 'trade:A', payload: `${batch}.${i}` }));
const textsOf = (sizes: readonly number[]) =>
  sizes.flatMap((size, i) => eventsOf(i, size).map((event) => `${event.topic} ${event.payload}`));
const noState = () => undefined;

describe('appends that overlap', () => {
  it('land once each, in order, whatever happens to requests, replies and the process that holds the log', async () => {
    await fc.assert(
      fc.asyncProperty(batches, schedules, fc.array(fc.nat({ max: 3 })), async (sizes, schedule, turns) => {
        const log = new FakeLog(schedule);
        const applied: number[] = [];
        const appender = log.appender(() => JSON.stringify(textsOf(applied)));
        const cursors = await Promise.all(
          sizes.map(async (size, i) => {
            // Handed over in some turn of the event loop, as inputs come; in its place all the same.
            for (let turn = 0; turn < (turns[i] ?? 0) || applied.length < i; turn++) await new Promise(setImmediate);
            applied.push(size);
            return appender.append(eventsOf(i, size), `${i + 1}-0`);
          }),
        );
        expect(log.payloads).toEqual(textsOf(sizes));
        let offset = 0;
        expect(cursors.map((cursor) => cursor.offset)).toEqual(sizes.map((size) => (offset += size)));
        await appender.verify();
        expect(appender.position).toEqual(log.tip);
        expect(log.inFlightMost).toBeLessThanOrEqual(APPENDS_IN_FLIGHT_MAX);
        // What each repair stored is the state at the very end of what it appended.
        for (const { state, offset: end } of log.snapshots) {
          expect(JSON.parse(state)).toEqual(textsOf(sizes).slice(0, end));
        }
        expect(log.repairs.length).toBeGreaterThanOrEqual(log.tipNow.runId === '1' ? 0 : 1);
      }),
      { numRuns: 150 },
    );
  }, 60_000);

  it('that are handed over under a repair are repaired with it: they name inputs that only the process before had', async () => {
    const log = new FakeLog(['restarted']);
    const applied: number[] = [];
    const appender = log.appender(() => JSON.stringify(textsOf(applied)));
    const hand = () => {
      applied.push(1);
      return appender.append(eventsOf(applied.length - 1, 1), `${applied.length}-0`);
    };
    const appends = [hand()];
    // The first send is refused; the repair is on its way once a state has been asked for.
    while (log.repairsBegun < 1) await new Promise(setImmediate);
    appends.push(hand(), hand(), hand());
    await Promise.all(appends);
    expect(log.snapshots).toEqual(
      [1, 4].map((offset) => ({ offset, state: JSON.stringify(textsOf(applied.slice(0, offset))) })),
    );
    expect(log.tip.inboxId).toBe('rolled-back');
    expect(log.repairs).toEqual([{ inboxId: 'rolled-back', reappended: 0 }]);
  });

  it('really overlap', async () => {
    const log = new FakeLog([]);
    const appender = log.appender(noState);
    await Promise.all([1, 2, 3].map((i) => appender.append(eventsOf(i, 1), `${i}-0`)));
    expect(log.inFlightMost).toBe(2);
  });

  it('take their place in the turn they are made in, and there is room once none of them waits', async () => {
    const log = new FakeLog([]);
    const appender = log.appender(noState);
    const order: string[] = [];
    for (const i of [1, 2, 3, 4]) void appender.append(eventsOf(i, 1), `${i}-0`).then(() => order.push(`landed ${i}`));
    await appender.room().then(() => order.push('room'));
    await appender.idle();
    expect(order.indexOf('room')).toBeGreaterThan(order.indexOf('landed 2'));
    expect(order.indexOf('room')).toBeLessThan(order.indexOf('landed 4'));
    expect(log.payloads).toEqual([1, 2, 3, 4].map((i) => `trade:A ${i}.0`));
  });

  it('prove by landing that nobody had taken over when they were sent', async () => {
    const log = new FakeLog([]);
    const appender = log.appender(noState);
    expect(appender.heldMs).toBe(Number.NEGATIVE_INFINITY);
    const beforeMs = performance.now();
    await appender.append(eventsOf(1, 1), '1-0');
    const { heldMs } = appender;
    expect(heldMs).toBeGreaterThanOrEqual(beforeMs);
    expect(heldMs).toBeLessThanOrEqual(performance.now());
    log.takeOver();
    await expect(appender.append(eventsOf(2, 1), '2-0')).rejects.toMatchObject({ code: 'FENCED' });
    expect(appender.heldMs).toBe(heldMs);
  });

  it('all fail once somebody else has taken over, and nothing of theirs lands after that', async () => {
    await fc.assert(
      fc.asyncProperty(batches, schedules, fc.nat(), async (sizes, schedule, at) => {
        const log = new FakeLog(schedule);
        const appender = log.appender(() => 'state');
        const outcomes: boolean[] = [];
        let taken: string[] | undefined;
        for (const [i, size] of sizes.entries()) {
          if (i === at % sizes.length) {
            log.takeOver();
            taken = [...log.payloads];
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
        await expect(appender.room()).rejects.toMatchObject({ code: 'FENCED' });
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
