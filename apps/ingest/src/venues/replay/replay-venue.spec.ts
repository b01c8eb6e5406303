import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { Market } from '@depthcast/market';
import { findCapture, MarketProbe, until } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { VenueReport } from '../venue.ts';
import { type ReplayOptions, ReplayVenue } from './replay-venue.ts';

class Report implements VenueReport {
  readonly malformedKinds: string[] = [];
  readonly infos: Record<string, unknown>[] = [];
  readonly warnings: string[] = [];
  malformed(kind: string): void {
    this.malformedKinds.push(kind);
  }
  reconnect(): void {}
  snapshotFetched(): void {}
  info(message: string, fields: Record<string, unknown> = {}): void {
    this.infos.push({ message, ...fields });
  }
  warn(message: string): void {
    this.warnings.push(message);
  }
  get summary(): Record<string, unknown> | undefined {
    return this.infos.find(({ message }) => message === 'the capture is over');
  }
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'depthcast-replay-'));
});
afterAll(async () => rm(folder, { recursive: true }));

const T0 = 1_723_161_254_000_000_000n;
const at = (ms: number, message: object): string => `${T0 + BigInt(ms) * 1_000_000n} ${JSON.stringify(message)}`;
const diff = (U: number, u: number, b: [string, string][] = []) => ({
  stream: 'btcusdt@depth@100ms',
  data: { e: 'depthUpdate', E: 1_723_161_255_000 + u, s: 'BTCUSDT', U, u, b, a: [] },
});
const SNAPSHOT = { lastUpdateId: 12, bids: [['100.10000000', '1.00000000']], asks: [['100.20000000', '2.00000000']] };
const LINES = [
  at(0, diff(1, 10, [['100.10000000', '5.00000000']])),
  at(100, diff(11, 14, [['100.00000000', '7.00000000']])),
  at(150, SNAPSHOT),
  at(1_200, diff(15, 15, [['100.10000000', '3.50000000']])),
];

async function capture(name: string, content: string | Buffer): Promise<string> {
  const file = join(folder, name);
  await writeFile(file, content);
  return file;
}

async function replay(file: string, options: Partial<ReplayOptions> = {}) {
  const report = new Report();
  const probe = new MarketProbe(new Market());
  const venue = await ReplayVenue.open({ file, speed: 'max', gauge: { queuedInputs: 0 }, report, ...options });
  let ended = '';
  const subscription = venue.inputs().subscribe({
    next: (input) => probe.accept(input),
    error: (error) => {
      ended = String(error);
    },
    complete: () => {
      ended = 'complete';
    },
  });
  return { report, probe, venue, subscription, ended: () => ended };
}

describe('a replay', () => {
  it.each([
    ['plain', `${LINES.join('\n')}\n`],
    ['gzip', gzipSync(LINES.join('\n'))],
  ])('of a %s file gives the book, the capture’s seconds and a summary, and stays up', async (name, content) => {
    const { report, probe, ended } = await replay(await capture(`good-${name}`, content));
    await until(() => report.summary);
    expect(report.summary).toMatchObject({ lines: 4, inputs: 7, malformed: 0, endedBy: 'end of file' });
    expect(probe.statuses('BTCUSDT')).toEqual(['buffering', 'buffering', 'synced']);
    expect(probe.levels('BTCUSDT')).toEqual({
      bids: [
        ['100.10000000', '3.50000000'],
        ['100.00000000', '7.00000000'],
      ],
      asks: [['100.20000000', '2.00000000']],
    });
    expect(probe.inputs.map((input) => input.type)).toEqual([
      'symbol',
      'feed',
      'depth',
      'depth',
      'depth_snapshot',
      'clock',
      'depth',
    ]);
    expect(probe.inputs[5]).toEqual({ type: 'clock', second: 1_723_161_255, tsRecvUs: 1_723_161_255_000_000 });
    expect(probe.inputs[6]).toMatchObject({ tsRecvUs: 1_723_161_255_200_000, tsEventUs: 1_723_161_255_015_000 });
    expect(ended()).toBe('');
  });

  it('takes tick and step where they are given', async () => {
    const { report, probe } = await replay(await capture('given', LINES.join('\n')), { tick: '0.1', step: '0.5' });
    await until(() => report.summary);
    expect(probe.levels('BTCUSDT').bids).toEqual([
      ['100.1', '3.5'],
      ['100.0', '7.0'],
    ]);
  });

  it('takes paper orders of any size that its book can show, in the assets of its symbol', async () => {
    const { report, probe } = await replay(await capture('traded', LINES.join('\n')), { step: '0.001' });
    await until(() => report.summary);
    expect(probe.inputs[0]).toMatchObject({
      type: 'symbol',
      trading: { baseAsset: 'BTC', quoteAsset: 'USDT', lot: '0.001', minQty: '0.001', minNotional: '0' },
    });
  });

  it('counts what is malformed and goes on', async () => {
    const [first, second, ...rest] = LINES;
    const bad = ['garbage', '1723161254000000000 {"stream":"btcusdt@depth', `${at(100, { u: 1 })}`, '12 {}'];
    const { report, probe } = await replay(await capture('bad', [first, ...bad, second, ...rest].join('\n')));
    await until(() => report.summary);
    expect(report.malformedKinds).toEqual(['line', 'line', 'unknown', 'line']);
    expect(report.summary).toMatchObject({ lines: 8, malformed: 4 });
    expect(probe.status('BTCUSDT')).toBe('synced');
  });

  it('keeps time at the speed asked for', async () => {
    const startMs = performance.now();
    const { report } = await replay(await capture('paced', LINES.join('\n')), { speed: 4 });
    await until(() => report.summary);
    const tookMs = performance.now() - startMs;
    expect(tookMs).toBeGreaterThanOrEqual(295);
    expect(tookMs).toBeLessThan(600);
  });

  it('after a gap in the capture the book stays in gap, and that is said', async () => {
    const lines = [...LINES, at(1_300, diff(20, 25)), at(1_400, diff(26, 30))];
    const { report, probe } = await replay(await capture('gap', lines.join('\n')));
    await until(() => report.summary);
    expect(probe.statuses('BTCUSDT')).toEqual(['buffering', 'buffering', 'synced', 'gap 16 20']);
    expect(report.warnings).toHaveLength(1);
  });

  it('after a resync the book is rebuilt from what the replay knows', async () => {
    const lines = [...LINES, at(1_300, diff(16, 20, [['99.90000000', '4.00000000']]))];
    const { report, probe, venue } = await replay(await capture('resync', lines.join('\n')), { speed: 4 });
    await until(() => probe.inputs.some((input) => input.type === 'depth' && input.last === 15));
    const before = probe.inputs.length;
    venue.resync('new epoch');
    await until(() => report.summary);
    const fresh = new MarketProbe(new Market());
    for (const input of probe.inputs.slice(before)) fresh.accept(input);
    expect(fresh.statuses('BTCUSDT')).toEqual(['buffering', 'buffering', 'synced']);
    expect(fresh.levels('BTCUSDT')).toEqual(probe.levels('BTCUSDT'));
    expect(fresh.levels('BTCUSDT').bids).toHaveLength(3);
  });

  it('waits while the queue is full, and stops when unsubscribed', async () => {
    const gauge = { queuedInputs: 1_000_000 };
    const lines = Array.from({ length: 5_000 }, (_, i) => at(i, diff(i + 1, i + 1, [['1.0', '1.0']])));
    const { report, probe, subscription } = await replay(await capture('queue', lines.join('\n')), { gauge });
    await sleep(100);
    expect(probe.inputs.length).toBeLessThan(300);
    gauge.queuedInputs = 0;
    await until(() => probe.inputs.length > 3_000);
    subscription.unsubscribe();
    await sleep(50);
    expect(report.summary).toBeUndefined();
  });

  it('a truncated archive is replayed as far as it goes', async () => {
    const lines = Array.from({ length: 3_000 }, (_, i) => at(i, diff(i + 1, i + 1, [[`${i}.0`, '1.0']])));
    const zipped = gzipSync(lines.join('\n'));
    const { report, ended } = await replay(await capture('cut.gz', zipped.subarray(0, zipped.length - 2_000)));
    await until(() => report.summary);
    expect(report.summary?.lines).toBeGreaterThan(100);
    expect(report.summary?.endedBy).toMatch(/unexpected end/);
    expect(ended()).toBe('');
  });

  it.each([
    ['missing', undefined, /cannot be read: ENOENT/],
    ['empty', '', /empty/],
    ['no-capture', 'hello\nworld\n', /no depth message/],
    ['not-gzip', Buffer.from([0x1f, 0x8b, 1, 2, 3]), /cannot be read/],
  ])('of a %s file is refused, naming it', async (name, content, why) => {
    const file = content === undefined ? join(folder, name) : await capture(name, content);
    const opened = ReplayVenue.open({ file, speed: 1, gauge: { queuedInputs: 0 }, report: new Report() });
    await expect(opened).rejects.toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringMatching(why) });
    await expect(opened).rejects.toThrow(JSON.stringify(file));
  });

  it('of a folder is refused', async () => {
    const opened = ReplayVenue.open({ file: folder, speed: 1, gauge: { queuedInputs: 0 }, report: new Report() });
    await expect(opened).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

describe.each([
  ['spot', 'spot_btcusdt_20240808.gz', 'BTCUSDT', 41_249, 564],
  ['USD-M', 'usdm_btcusdt_20240808.gz', 'BTCUSDT.P', 93_954, 629],
] as const)('the %s capture', (_market, name, symbol, lines, comparisons) => {
  const file = findCapture(name);
  if (!file) console.warn(`skipped: ${name} is neither in DEPTHCAST_DATA nor in ../shared/data/binance`);

  (file ? it : it.skip)('gives a book that agrees with the venue’s own best bid and ask, always', async () => {
    const report = new Report();
    const probe = new MarketProbe(new Market(), false);
    const gauge = { queuedInputs: 0 };
    const venue = await ReplayVenue.open({ file: file as string, speed: 'max', gauge, report });
    const subscription = venue.inputs().subscribe((input) => probe.accept(input));
    await until(() => report.summary, 25_000, 'the end of the capture');
    subscription.unsubscribe();
    expect(report.summary).toMatchObject({ lines, malformed: 0 });
    expect(probe.differences).toEqual([]);
    expect(probe.comparisons).toBeGreaterThanOrEqual(comparisons);
    expect(probe.statuses(symbol)).toEqual(['buffering', 'buffering', 'synced']);
    expect(probe.market.rejectedInputs).toBe(0);
    console.info(`${name}: ${probe.comparisons} comparisons`);
  });
});
