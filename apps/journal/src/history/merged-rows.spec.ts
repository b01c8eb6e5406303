import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ReadRow } from '../stores/journal-store.ts';
import { firstRows, type Pages } from './answers.ts';
import { mergedRows } from './merged-rows.ts';
import { type Place, Scope, tryPlace } from './places.ts';

/** The times of each partition's rows, in its log's order: venues' clocks go back now and then. */
const logs = fc.array(fc.array(fc.nat(30), { maxLength: 20 }), { minLength: 2, maxLength: 6 });

function rowsOf(times: readonly number[], partition: number): ReadRow[] {
  return times.map((tsUs, offset) => {
    const place = { partition, epoch: 5, offset };
    return { ...place, type: 'trade', symbol: null, account: null, tsUs, payload: '{}' };
  });
}

const closed: number[] = [];

async function* paged(rows: readonly ReadRow[], pageRows: number): Pages {
  try {
    for (let at = 0; at < rows.length; at += pageRows) yield rows.slice(at, at + pageRows);
  } finally {
    closed.push(1);
  }
}

async function all(pages: Pages): Promise<ReadRow[]> {
  const rows: ReadRow[] = [];
  for await (const page of pages) {
    expect(page.length).toBeGreaterThan(0);
    rows.push(...page);
  }
  return rows;
}

describe('the rows of several partitions', () => {
  it('come each once, each partition in its own order, the oldest of the next ones first', async () => {
    await fc.assert(
      fc.asyncProperty(logs, fc.integer({ min: 1, max: 7 }), async (times, pageRows) => {
        const partitions = times.map(rowsOf);
        const merged = await all(mergedRows(partitions.map((rows) => paged(rows, pageRows))));
        for (const rows of partitions) {
          expect(merged.filter(({ partition }) => partition === rows[0]?.partition)).toEqual(rows);
        }
        expect(merged).toHaveLength(partitions.flat().length);
        const left = partitions.map((rows) => [...rows]);
        for (const row of merged) {
          const next = left.flatMap((rows) => rows.slice(0, 1));
          expect(row.tsUs).toBe(Math.min(...next.map(({ tsUs }) => tsUs)));
          expect(row.partition).toBe(next.find(({ tsUs }) => tsUs === row.tsUs)?.partition);
          left[row.partition]?.shift();
        }
      }),
    );
  });

  it('come by pages of one cursor as they do at once, wherever the pages end and whatever has been added since', async () => {
    await fc.assert(
      fc.asyncProperty(logs, logs, fc.integer({ min: 1, max: 9 }), async (times, more, limit) => {
        const scope = new Scope(times.length);
        const partitions = times.map(rowsOf);
        const read: ReadRow[] = [];
        let after: Place | undefined;
        const pageFrom = async () => {
          const from = scope.placeOfEach('after', after);
          const rest = partitions.map((rows, p) =>
            rows.filter(({ offset }) => offset > (from[p]?.epoch ? (from[p]?.offset ?? -1) : -1)),
          );
          const page = await all(firstRows(mergedRows(rest.map((rows) => paged(rows, 4))), limit));
          const passed = [...from];
          for (const row of page) passed[row.partition] = row;
          read.push(...page);
          after = tryPlace(scope.format(passed), times.length);
          expect(after).toBeDefined();
          return page.length;
        };
        while ((await pageFrom()) > 0);
        expect(read).toEqual(await all(mergedRows(partitions.map((rows) => paged(rows, 3)))));
        // The logs have grown, by older events too.
        for (const [p, added] of more.entries()) {
          const rows = partitions[p];
          rows?.push(...rowsOf([...rows.map(({ tsUs }) => tsUs), ...added], p).slice(rows.length));
        }
        while ((await pageFrom()) > 0);
        const ids = read.map(({ partition, offset }) => `${partition} ${offset}`);
        expect(new Set(ids).size).toBe(ids.length);
        expect(ids).toHaveLength(partitions.flat().length);
      }),
    );
  });

  it('are read no further than is asked for, and then no more', async () => {
    closed.length = 0;
    let pages = 0;
    const counted = async function* (partition: number): Pages {
      try {
        for (let at = 0; ; at++) {
          pages++;
          yield rowsOf([at * 2 + partition], partition);
        }
      } finally {
        closed.push(partition);
      }
    };
    expect(await all(firstRows(mergedRows([counted(0), counted(1)]), 10))).toHaveLength(10);
    expect(pages).toBeLessThanOrEqual(12);
    expect(closed.sort()).toEqual([0, 1]);
  });
});
