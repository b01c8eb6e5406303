import { LogGapError } from '@depthcast/log';
import { describe, expect, it } from '@jest/globals';
import { TopicTable } from '../fanout/topics.ts';
import { EPOCH, newLog } from '../testing/memory-gateway.ts';
import type { MemoryLog } from '../testing/memory-log.ts';
import { HistoryPages } from './history-pages.ts';
import type { HistoryPart } from './page.ts';

const at = (offset: number, epoch = EPOCH) => ({ epoch, offset });

function pagesOf(log: MemoryLog, ordinalOf?: (epoch: number) => number | undefined): HistoryPages {
  const known = (epoch: number) => log.spans.find((span) => span.epoch === epoch)?.ordinal;
  return new HistoryPages({ source: log, topics: new TopicTable(), ordinalOf: ordinalOf ?? known });
}

/** The first and the last cursor of what follows; `undefined` when nothing does. */
function endsOf({ page, from }: HistoryPart) {
  return from === page.end ? undefined : [page.cursorAt(from), page.cursorAt(page.end - 1)];
}

/** A source that takes its time, and counts how many readings are under way. */
function slow(log: MemoryLog): { activeMax: number } {
  const seen = { activeMax: 0 };
  const range = log.range.bind(log);
  let active = 0;
  log.range = async (after, countMax) => {
    seen.activeMax = Math.max(seen.activeMax, ++active);
    await new Promise((resolve) => setTimeout(resolve, 1));
    active--;
    return range(after, countMax);
  };
  return seen;
}

describe('history', () => {
  it('costs one read a block, however many cursors ask at once, and a few reads at a time', async () => {
    const log = newLog(20_000);
    const seen = slow(log);
    const pages = pagesOf(log);
    const offsets = Array.from({ length: 5_000 }, (_, i) => i * 4);
    const parts = await Promise.all(offsets.map((offset) => pages.after(at(offset))));
    for (const [i, part] of parts.entries()) {
      const first = (offsets[i] as number) + 1;
      expect(endsOf(part)).toEqual([at(first), at(Math.min(first | 511, 20_000))]);
    }
    expect(log.ranges).toBe(Math.ceil(20_000 / 512));
    expect(seen.activeMax).toBe(4);
    await pages.after(at(19_000));
    expect(log.ranges).toBe(40);
  });

  it('of the block where the log ends grows with it', async () => {
    const log = newLog(600);
    const pages = pagesOf(log);
    expect(endsOf(await pages.after(at(550)))).toEqual([at(551), at(600)]);
    expect(endsOf(await pages.after(at(600)))).toBeUndefined();
    expect(endsOf(await pages.after(at(700)))).toBeUndefined();
    log.append('market:A', '{}');
    expect(endsOf(await pages.after(at(600)))).toEqual([at(601), at(601)]);
  });

  it('of a block that is half trimmed is what is left of it, and a gap to who needs more', async () => {
    const log = newLog(1_000);
    log.trim(700);
    const pages = pagesOf(log);
    expect(endsOf(await pages.after(at(300)))).toEqual([at(301), at(511)]);
    expect(endsOf(await pages.after(at(400)))).toEqual([at(401), at(511)]);
    await expect(pages.after(at(299))).rejects.toThrow(LogGapError);
    log.trim(10);
    await expect(pagesOf(log).after(at(300))).rejects.toThrow(LogGapError);
  });

  it('crosses into the next epoch from where it forked, also when all before it is trimmed, and from nowhere else', async () => {
    const log = newLog(700);
    log.openEpoch(EPOCH + 1);
    log.append('market:A', '{}');
    const pages = pagesOf(log);
    const next = [at(0, EPOCH + 1), at(1, EPOCH + 1)];
    expect(endsOf(await pages.after(at(600)))).toEqual([at(601), next[1]]);
    expect(endsOf(await pages.after(at(700)))).toEqual(next);
    await expect(pages.after(at(701))).rejects.toThrow(LogGapError);
    log.trim(2);
    const later = pagesOf(log);
    expect(endsOf(await later.after(at(700)))).toEqual(next);
    await expect(later.after(at(699))).rejects.toThrow(LogGapError);
    await expect(later.after(at(701))).rejects.toThrow(LogGapError);
  });

  it('ends before an epoch that the tail has not met, whose ordinal nobody can know', async () => {
    const log = newLog(5);
    log.openEpoch(EPOCH + 1);
    const known = new Map([[EPOCH, 0]]);
    const pages = pagesOf(log, (epoch) => known.get(epoch));
    expect(endsOf(await pages.after(at(2)))).toEqual([at(3), at(5)]);
    expect(endsOf(await pages.after(at(5)))).toBeUndefined();
    known.set(EPOCH + 1, 1);
    expect(endsOf(await pages.after(at(5)))).toEqual([at(0, EPOCH + 1), at(0, EPOCH + 1)]);
    known.delete(EPOCH);
    await expect(pages.after(undefined)).rejects.toThrow('unknown epoch');
  });

  it('that was read before clear() is not kept after it', async () => {
    const log = newLog(600);
    slow(log);
    const pages = pagesOf(log);
    const early = pages.after(at(5));
    pages.clear();
    await early;
    await pages.after(at(5));
    expect(log.ranges).toBe(2);
  });
});
