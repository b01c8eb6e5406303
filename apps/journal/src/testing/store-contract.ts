import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { EventRow } from '../stores/event-row.ts';
import type { EventQuery, JournalBatch, JournalStore, ReadRow } from '../stores/journal-store.ts';
import { all, batch, CLOCK_US, EPOCH, noise, row } from './contract-rows.ts';
import { ModelStore } from './model-store.ts';
import { keepsPartitionsApart } from './partitions-contract.ts';
import { batchOf, type HistoryStep, history, type Questions, questions } from './random-history.ts';

/** One empty database of a test. */
export interface StorePlace {
  /** A store on it, opened. */
  open(): Promise<JournalStore>;
  remove(): Promise<void>;
}

/**
 * What every journal's store must do, whatever its database.
 *
 * @param shared whether several stores may have one place open at once.
 */
export function storeContract(name: string, shared: boolean, makePlace: () => Promise<StorePlace>): void {
  describe(`${name}, as a journal's store`, () => {
    let place: StorePlace;
    let store: JournalStore;
    beforeEach(async () => {
      place = await makePlace();
      store = await place.open();
    });
    afterEach(async () => {
      await store.close();
      await place.remove();
    });

    it('does as the model does: any history, any question, closed and opened again in between', async () => {
      await fc.assert(
        fc.asyncProperty(history, questions, async (steps, asked) => {
          const fresh = await makePlace();
          try {
            await followsTheModel(fresh, steps, asked);
          } finally {
            await fresh.remove();
          }
        }),
        { numRuns: Number(process.env.DEPTHCAST_TEST_RUNS ?? 12), endOnFailure: true },
      );
    }, 120_000);

    it('gives payloads back byte for byte, whatever is in them', async () => {
      const payloads = [
        '{}',
        '{"text":"tab\\t newline\\n quote\\" backslash\\\\ \\u0000 \\\\N \\\\."}',
        '{"ts_ns":1767225600123456789,"id":9007199254740993,"price":0.1000}',
        '{"text":"Grüße, 株価, 🦆, \u{10ffff}, \u2028"}',
        '{"raw":"\t\r\n\\\n"}',
        `{"long":"${'déjà vu 🦆 '.repeat(80_000)}"}`,
      ];
      await store.commit(batch(payloads.map((payload, i) => row(i, { payload }))));
      const stored = await all(store, {});
      expect(stored.map((read) => read.payload)).toEqual(payloads);
      expect(await store.page(0, { epoch: EPOCH, offset: 0 }, 10)).toEqual(stored.slice(1));
    });

    it('keeps whole numbers exact up to 2^53, and takes none beyond, nor any of its batch', async () => {
      const tsUs = Number.MAX_SAFE_INTEGER;
      await store.commit(batch([row(0, { tsUs, columns: { tradeId: Number.MAX_SAFE_INTEGER } })]));
      expect((await all(store, {}))[0]?.tsUs).toBe(tsUs);
      const beyond = batch([row(1), row(2, { columns: { tradeId: 2 ** 53 } })], { epoch: EPOCH, offset: 0 });
      await expect(store.commit(beyond)).rejects.toThrow(/9007199254740992/);
      expect(await all(store, {})).toHaveLength(1);
      expect((await store.position(0))?.cursor).toEqual({ epoch: EPOCH, offset: 0 });
    });

    it('takes one of two commits that begin at the same place', async () => {
      const first = batch([row(0), row(1)]);
      expect((await Promise.all([store.commit(first), store.commit(first)])).sort()).toEqual([
        'committed',
        'overtaken',
      ]);
      const second = batch([row(2)], { epoch: EPOCH, offset: 1 });
      expect((await Promise.all([store.commit(second), store.commit(second)])).sort()).toEqual([
        'committed',
        'overtaken',
      ]);
      expect((await all(store, {})).map(({ offset }) => offset)).toEqual([0, 1, 2]);
      expect((await store.partitions())[0]).toMatchObject({ events: 3, position: second.position });
    });

    it("keeps partitions apart, though their ids are the same: one's cursor, losses and orphans are none of another's", async () => {
      await keepsPartitionsApart(store);
    });

    it('lets readers go on while it stores, each page of them a moment of its own', async () => {
      let next = 0;
      const add = async (): Promise<void> => {
        const rows = Array.from({ length: 500 }, (_, i) => row(next + i));
        await store.commit(batch(rows, next === 0 ? null : { epoch: EPOCH, offset: next - 1 }));
        next += 500;
      };
      await add();
      const pages = store.events({ limit: 2_000 }, 100)[Symbol.asyncIterator]();
      const seen: ReadRow[] = [...((await pages.next()).value as ReadRow[])];
      for (let i = 0; i < 6; i++) {
        const [, page] = await Promise.all([add(), pages.next()]);
        seen.push(...((page.value as ReadRow[] | undefined) ?? []));
      }
      expect(seen.map(({ offset }) => offset)).toEqual(seen.map((_, i) => i));
    });

    it('finds what is rare, far apart and by time in 300,000 events, and drops them step by step', async () => {
      await findsAndDrops(store);
    }, 120_000);

    it('keeps within its bytes, and what is left can be resumed', async () => {
      let cursor: JournalBatch['after'] = null;
      for (let i = 0; i < 30; i++) {
        // Noise, which no database makes smaller.
        const rows = Array.from({ length: 1_000 }, (_, k) =>
          row(i * 1_000 + k, { payload: noise(i * 1_000 + k), clockUs: CLOCK_US + i * 1e6 }),
        );
        await store.commit(batch(rows, cursor));
        cursor = { epoch: EPOCH, offset: i * 1_000 + 999 };
      }
      expect(await store.retain({ bytesMax: 1e12 })).toMatchObject({ events: 0 });
      const full = await store.bytes();
      const dropped = await store.retain({ bytesMax: Math.floor(full / 2) });
      expect(dropped.bySize).toBeGreaterThan(5_000);
      const [summary] = await store.partitions();
      expect(summary?.earliest).toEqual({ epoch: EPOCH, offset: dropped.bySize });
      expect(summary).toMatchObject({ events: 30_000 - dropped.bySize, dropped });
      expect((await all(store, { limit: 1 }))[0]?.offset).toBe(dropped.bySize);
    }, 60_000);

    (shared ? it : it.skip)('keeps everything of several opened at once in step', async () => {
      const other = await place.open();
      try {
        let next = 0;
        for (let round = 0; round < 20; round++) {
          const after = next === 0 ? null : { epoch: EPOCH, offset: next - 1 };
          const rows = Array.from({ length: 50 }, (_, i) => row(next + i));
          const outcomes = await Promise.all([store.commit(batch(rows, after)), other.commit(batch(rows, after))]);
          expect(outcomes.sort()).toEqual(['committed', 'overtaken']);
          next += 50;
        }
        expect((await all(other, {})).map(({ offset }) => offset)).toEqual(Array.from({ length: 1_000 }, (_, i) => i));
      } finally {
        await other.close();
      }
    });
  });
}

async function followsTheModel(place: StorePlace, steps: readonly HistoryStep[], asked: Questions): Promise<void> {
  const model = new ModelStore();
  let store = await place.open();
  try {
    for (const step of steps) {
      if (step.kind === 'reopen') {
        await store.close();
        store = await place.open();
      } else if (step.kind === 'retain') {
        while ((await store.retain(step.policy)).events > 0);
        await model.retain(step.policy);
      } else if (step.kind === 'overtaken') {
        const moved = { cursor: { epoch: EPOCH - 1, offset: 7 }, tsUs: CLOCK_US, clockUs: CLOCK_US };
        const none = { kind: 'none' } as const;
        const late = batchOf(moved, { ...step, kind: 'commit', rows: [step.sketch], break: none }, 0);
        expect(await store.commit(late)).toBe('overtaken');
      } else {
        const rows = step.kind === 'burst' ? Array.from({ length: step.count }, () => step.sketch) : step.rows;
        const gap = step.kind === 'burst' ? ({ kind: 'none' } as const) : step.break;
        const { partition } = step;
        const next = batchOf(
          await model.position(partition),
          { kind: 'commit', partition, rows, break: gap },
          (await model.epochs(partition)).length,
        );
        expect(await store.commit(next)).toBe('committed');
        await model.commit(next);
      }
      await agree(store, model, { ...asked, queries: asked.queries.slice(0, 2) });
    }
    await agree(store, model, asked);
  } finally {
    await store.close();
  }
}

async function agree(store: JournalStore, model: ModelStore, asked: Questions): Promise<void> {
  expect(await store.partitions()).toEqual(await model.partitions());
  expect(await store.symbols()).toEqual(await model.symbols());
  for (const query of asked.queries) {
    expect(await all(store, query, asked.pageRows)).toEqual(await all(model, query, asked.pageRows));
    const { fromUs, toUs, symbols } = query;
    const latency = {
      ...(fromUs ? { fromUs } : {}),
      ...(toUs ? { toUs } : {}),
      ...(symbols?.[0] ? { symbol: symbols[0] } : {}),
    };
    expectClose(await store.latency(latency), await model.latency(latency));
  }
  for (const partition of [0, 1]) {
    expect(await store.position(partition)).toEqual(await model.position(partition));
    expect(await store.epochs(partition)).toEqual(await model.epochs(partition));
    expect(await store.holes(partition)).toEqual(await model.holes(partition));
    for (const moment of asked.moments) {
      expect(await store.cursorAt(partition, moment)).toEqual(await model.cursorAt(partition, moment));
    }
    for (const cursor of asked.cursors) {
      expect(await store.page(partition, cursor, 20)).toEqual(await model.page(partition, cursor, 20));
    }
  }
}

/** Equal but for the last digits of sums. */
function expectClose<T extends object>(got: T, wanted: T): void {
  for (const [key, value] of Object.entries(wanted)) {
    const found = got[key as keyof T];
    if (typeof value === 'number') expect(found).toBeCloseTo(value, 6);
    else expect(found).toEqual(value);
  }
}

const COUNT = 300_000;
/** Of an own type, at both ends of windows, marks and everything. */
const RARE = [3, 8_191, 8_192, 131_071, 131_072, 200_000, COUNT - 1];

async function findsAndDrops(store: JournalStore): Promise<void> {
  const tsOf = (offset: number): number => CLOCK_US + offset * 200 + (offset % 7) * 1_000;
  const rowOf = (offset: number): EventRow =>
    row(offset, {
      type: RARE.includes(offset) ? 'anomaly' : offset % 3 === 0 ? 'bbo' : 'trade',
      tsUs: tsOf(offset),
      // Over midnight in the middle.
      clockUs: CLOCK_US + 86_340_000_000 + Math.floor(offset / 2_500) * 1_000_000,
    });
  for (let from = 0; from < COUNT; from += 30_000) {
    const rows = Array.from({ length: 30_000 }, (_, i) => rowOf(from + i));
    await store.commit(batch(rows, from === 0 ? null : { epoch: EPOCH, offset: from - 1 }));
  }
  const offsets = async (query: EventQuery, pageRows?: number) =>
    (await all(store, query, pageRows)).map((r) => r.offset);
  expect(await offsets({ types: ['anomaly'] }, 2)).toEqual(RARE);
  expect(await offsets({ types: ['anomaly'], newestFirst: true, limit: 3 })).toEqual(RARE.slice(-3).reverse());
  expect(await offsets({ limit: 3, fromUs: tsOf(250_000), types: ['bbo'] })).toEqual(
    Array.from({ length: 100 }, (_, i) => 249_960 + i)
      .filter((o) => o % 3 === 0 && tsOf(o) >= tsOf(250_000))
      .slice(0, 3),
  );
  for (const offset of [0, 9_000, 140_003, COUNT - 10]) {
    const moment = tsOf(offset);
    let beyond = Math.max(0, offset - 100);
    while (tsOf(beyond) <= moment) beyond++;
    expect(await store.cursorAt(0, moment)).toEqual({ epoch: EPOCH, offset: beyond - 1 });
  }
  const page = await store.page(0, { epoch: EPOCH, offset: 131_000 }, 4_096);
  expect(page.map((r) => r.offset)).toEqual(Array.from({ length: 4_096 }, (_, i) => 131_001 + i));

  // 120 clock seconds, 2,500 events each: the newest 30 and the one that they are counted from stay.
  let byAge = 0;
  for (
    let dropped = await store.retain({ ageMsMax: 30_000 });
    dropped.events > 0;
    dropped = await store.retain({ ageMsMax: 30_000 })
  ) {
    byAge += dropped.byAge;
  }
  expect(byAge).toBe(89 * 2_500);
  expect((await store.partitions())[0]).toMatchObject({
    earliest: { epoch: EPOCH, offset: byAge },
    events: COUNT - byAge,
  });
  expect((await offsets({ limit: 1 }))[0]).toBe(byAge);
  let byItems = 0;
  for (
    let dropped = await store.retain({ bboItemsMax: 100 });
    dropped.events > 0;
    dropped = await store.retain({ bboItemsMax: 100 })
  ) {
    byItems += dropped.byItems;
  }
  const bbo = await offsets({ types: ['bbo'] });
  expect(bbo).toHaveLength(100);
  expect(byItems).toBeGreaterThan(20_000);
  // What was dropped in between cannot be gone over: resuming begins after it.
  expect((await store.partitions())[0]?.earliest).toEqual({ epoch: EPOCH, offset: (bbo[0] as number) - 2 });
  expect(await store.page(0, { epoch: EPOCH, offset: 250_000 }, 10)).toHaveLength(1);
}
