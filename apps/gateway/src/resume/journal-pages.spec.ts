import type { LogEntry } from '@depthcast/log';
import { type Cursor, DepthcastError } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TopicTable } from '../fanout/topics.ts';
import { EPOCH, newLog } from '../testing/memory-gateway.ts';
import { MemoryJournal } from '../testing/memory-journal.ts';
import { JournalPages } from './journal-pages.ts';
import type { JournalSource } from './journal-source.ts';
import { Pacer } from './pacer.ts';

const at = (offset: number, epoch = EPOCH) => ({ epoch, offset });

function pagesOf(source: Pick<JournalSource, 'page'>, isForked = (_: Cursor) => false): JournalPages {
  const ordinalOf = (epoch: number) => (epoch - EPOCH) / 10;
  return new JournalPages({
    source,
    topics: new TopicTable(),
    ordinalOf,
    pacer: new Pacer({ share: 1, bytesPerSecondMax: Number.POSITIVE_INFINITY }),
    partBytes: 256 << 10,
    readingsMax: 2,
    readingShare: 1,
    isForked,
  });
}

/** Everything after a cursor, part by part. */
async function readAll(pages: JournalPages, after: Cursor | undefined): Promise<Cursor[]> {
  const cursors: Cursor[] = [];
  for (let cursor = after; ; ) {
    const { page, from, to } = await pages.after(cursor);
    if (from === to) return cursors;
    for (let i = from; i < to; i++) cursors.push(page.cursorAt(i));
    cursor = cursors.at(-1);
  }
}

describe('pages of the journal', () => {
  it('are without a hole or a repeat from any cursor, however they are cut, dropped and divided into epochs', async () => {
    const epochs = fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1, maxLength: 3 });
    const cuts = fc.infiniteStream(fc.integer({ min: 1, max: 3_000 }));
    await fc.assert(
      fc.asyncProperty(epochs, cuts, fc.nat(999), fc.nat(400), async (counts, cutAt, place, dropped) => {
        const log = newLog(counts[0]);
        for (const [i, count] of counts.slice(1).entries()) {
          log.openEpoch(EPOCH + 10 * (i + 1));
          for (let n = 0; n < count; n++) log.append('market:A', '{}');
        }
        const journal = new MemoryJournal(log).record();
        journal.drop(Math.max(1, log.entries.length - dropped));
        const cut = {
          page: async (after: Cursor | undefined, countMax: number): Promise<LogEntry[][]> =>
            journal.page(after, Math.min(countMax, cutAt.next().value as number)),
        };
        const kept = journal.entries.map(({ epoch, offset }) => ({ epoch, offset }));
        const index = Math.floor((place * kept.length) / 1_000);
        const pages = pagesOf(cut);
        expect(await readAll(pages, kept[index])).toEqual(kept.slice(index + 1));
        expect(await readAll(pages, undefined)).toEqual(kept);
      }),
      { numRuns: 60 },
    );
  });

  it('come in parts that do not hold up the others, however large their entries are', async () => {
    const log = newLog(0);
    for (let i = 0; i < 300; i++) log.append('market:A', `{"pad":"${'x'.repeat(10_000)}"}`);
    const pages = pagesOf(new MemoryJournal(log).record());
    const { from, to } = await pages.after(at(0));
    expect(to - from).toBeGreaterThan(20);
    expect(to - from).toBeLessThanOrEqual(26);
  });

  it('are asked for ahead of who reads them', async () => {
    const journal = new MemoryJournal(newLog(10_000)).record();
    const pages = pagesOf(journal);
    await pages.after(at(0));
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(journal.pages).toBe(2);
  });

  it('of a block that is half dropped are what is left of it, and missing to who needs more', async () => {
    const journal = new MemoryJournal(newLog(3_000)).record();
    journal.drop(2_000);
    const pages = pagesOf(journal);
    expect((await readAll(pages, at(1_000))).length).toBe(2_000);
    expect((await readAll(pages, at(1_500))).length).toBe(1_500);
    await expect(pages.after(at(999))).rejects.toMatchObject({ code: 'HISTORY_MISSING' });
  });

  it('end where the journal does, and go on when it has gone on', async () => {
    const log = newLog(100);
    const journal = new MemoryJournal(log).record();
    const pages = pagesOf(journal);
    expect(await readAll(pages, at(90))).toHaveLength(10);
    for (let i = 0; i < 50; i++) log.append('market:A', '{}');
    journal.record();
    expect(await readAll(pages, at(90))).toHaveLength(60);
  });

  it('stop before what is of a timeline that is no more', async () => {
    const pages = pagesOf(new MemoryJournal(newLog(100)).record(), ({ offset }) => offset > 95);
    const { page, from, to } = await pages.after(at(90));
    expect([page.cursorAt(from), page.cursorAt(to - 1)]).toEqual([at(91), at(95)]);
    await expect(pages.after(at(95))).rejects.toThrow('after');
  });

  it('that could not be read are asked for again by the next', async () => {
    const journal = new MemoryJournal(newLog(100)).record();
    const pages = pagesOf(journal);
    journal.isAway = true;
    await expect(pages.after(at(5))).rejects.toBeInstanceOf(DepthcastError);
    journal.isAway = false;
    expect(await readAll(pages, at(5))).toHaveLength(95);
  });
});
