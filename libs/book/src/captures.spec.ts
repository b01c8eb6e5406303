import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { type DepthRule, Scale } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import { type DepthIds, DepthSync } from './depth-sync.ts';
import { L2Book } from './l2-book.ts';
import type { WireLevel } from './level-batch.ts';

const DATA = process.env.DEPTHCAST_DATA ?? fileURLToPath(new URL('../../../../shared/data/binance', import.meta.url));
const recorded = existsSync(DATA);
if (!recorded) console.warn(`captures are skipped: there is no folder ${DATA}`);

interface Diff extends DepthIds {
  readonly bids: WireLevel[];
  readonly asks: WireLevel[];
}

interface Outcome {
  compared: number;
  wrong: string[];
  gaps: number;
}

/** Plays a recorded session and compares the book with the venue's own best bid and offer at equal update ids. */
function play(file: string, rule: DepthRule, book: L2Book): Outcome {
  const sync = new DepthSync<Diff>(rule);
  const quotes = new Map<number, string>();
  const bests = new Map<number, string>();
  const outcome: Outcome = { compared: 0, wrong: [], gaps: 0 };
  const put = (diff: Diff) => {
    book.apply(diff.bids, diff.asks);
    bests.set(diff.last, [...book.wireLevels('bid', 1), ...book.wireLevels('ask', 1)].join());
  };
  const text = (scale: Scale, decimal: string) => scale.format(scale.parse(decimal));
  for (const line of gunzipSync(readFileSync(file)).toString().trimEnd().split('\n')) {
    const message = JSON.parse(line.slice(line.indexOf(' ') + 1));
    const data = message.data;
    if (message.lastUpdateId !== undefined) {
      const verdict = sync.onSnapshot(message.lastUpdateId);
      if (verdict.kind !== 'synced') continue;
      book.replace(message.bids, message.asks);
      verdict.replay.forEach(put);
    } else if (data.e === 'depthUpdate') {
      const diff: Diff = { first: data.U, last: data.u, prev: data.pu, bids: data.b, asks: data.a };
      const verdict = sync.onDiff(diff);
      if (verdict.kind === 'apply') put(diff);
      if (verdict.kind === 'gap') outcome.gaps++;
    } else if (data.B !== undefined) {
      const { priceScale: p, sizeScale: s } = book;
      quotes.set(data.u, [text(p, data.b), text(s, data.B), text(p, data.a), text(s, data.A)].join());
    }
  }
  for (const [id, best] of bests) {
    const quote = quotes.get(id);
    if (quote === undefined) continue;
    outcome.compared++;
    if (quote !== best) outcome.wrong.push(`${id}: venue ${quote}, book ${best}`);
  }
  return outcome;
}

describe("the captures' books agree with the venue's own best bid and offer", () => {
  (recorded ? it : it.skip).each([
    ['spot', 'spot_btcusdt_20240808.gz', '0.01', '0.00000001', 564],
    ['usdm', 'usdm_btcusdt_20240808.gz', '0.1', '0.001', 629],
  ] as const)('%s', (rule, name, tick, step, comparisonsMin) => {
    const file = `${DATA}/${name}`;
    const outcome = play(file, rule, new L2Book(Scale.ofStep(tick), Scale.ofStep(step)));
    expect(outcome).toMatchObject({ wrong: [], gaps: 0 });
    expect(outcome.compared).toBeGreaterThanOrEqual(comparisonsMin);
  });
});
