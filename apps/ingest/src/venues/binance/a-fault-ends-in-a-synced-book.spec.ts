import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Market } from '@depthcast/market';
import { FakeBinance, type Fault, MarketProbe, type StreamFaultKind, until } from '@depthcast/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Subscription } from 'rxjs';
import type { VenueReport } from '../venue.ts';
import { type BinanceOptions, BinanceVenue } from './binance-venue.ts';

const BTC = 'BTCUSDT';
const ETH = 'ETHUSDT';
const STALL_MS = 200;
const FAST = { baseMs: 10, capMs: 40 };
const START = ['buffering', 'stale', 'buffering', 'synced'];

/** The live venue on real sockets against the fake one, into a Market. */
class Rig {
  readonly probe = new MarketProbe(new Market());
  readonly malformed: string[] = [];
  readonly reconnects: string[] = [];
  readonly warnings: string[] = [];
  snapshots = 0;
  readonly fake: FakeBinance;
  readonly venue: BinanceVenue;
  #subscription: Subscription | undefined;
  error: unknown;

  constructor(fake: FakeBinance, options: Partial<BinanceOptions> = {}) {
    this.fake = fake;
    const report: VenueReport = {
      malformed: (kind) => this.malformed.push(kind),
      reconnect: (reason) => this.reconnects.push(reason),
      snapshotFetched: () => this.snapshots++,
      info: () => {},
      warn: (message) => this.warnings.push(message),
    };
    this.venue = new BinanceVenue({
      symbols: [BTC, ETH],
      wsUrl: fake.wsUrl,
      restUrl: fake.restUrl,
      stallMs: STALL_MS,
      backoff: FAST,
      reconnect: { backoff: FAST },
      report,
      ...options,
    });
  }

  start(): void {
    this.#subscription = this.venue.inputs().subscribe({
      next: (input) => this.probe.accept(input),
      error: (error) => {
        this.error = error;
      },
    });
  }

  async synced(symbol: string): Promise<void> {
    await until(() => this.probe.has(symbol) && this.probe.status(symbol) === 'synced', 5_000, `${symbol} synced`);
  }

  /** Both books are, level by level, what the venue's are. To be called when the flow has stopped. */
  async expectTrueBooks(): Promise<void> {
    for (const symbol of [BTC, ETH]) {
      const market = this.fake.market(symbol);
      await until(() => this.probe.follow(symbol).last === market.last, 5_000, `${symbol} at the venue's update id`);
      expect(this.probe.levels(symbol)).toEqual(market.levels());
    }
    expect(this.probe.differences).toEqual([]);
    expect(this.probe.comparisons).toBeGreaterThan(0);
    expect(this.probe.market.rejectedInputs).toBe(0);
  }

  async close(): Promise<void> {
    this.#subscription?.unsubscribe();
    await this.fake.close();
  }
}

let rig: Rig;

async function start(faults: Fault[] = [], options: Partial<BinanceOptions> = {}): Promise<Rig> {
  const symbols = [BTC, ETH].map((symbol) => ({ symbol, tick: '0.01000000', step: '0.00001000' }));
  const fake = await FakeBinance.start({ symbols, seed: 11 });
  // The snapshot that `stale-snapshot` serves is of before these.
  for (let i = 0; i < 5; i++) fake.step();
  for (const fault of faults) fake.inject(fault);
  rig = new Rig(fake, options);
  rig.start();
  return rig;
}

afterEach(async () => rig.close());

describe('the live Binance venue', () => {
  it('gives true books, trades and quotes when nothing goes wrong', async () => {
    const { fake, probe } = await start();
    const stop = fake.run(5);
    await rig.synced(BTC);
    await rig.synced(ETH);
    await until(() => probe.comparisons > 50);
    stop();
    await rig.expectTrueBooks();
    expect(probe.statuses(BTC)).toEqual(START);
    expect(probe.statuses(ETH)).toEqual(START);
    expect(rig.snapshots).toBe(2);
    expect(probe.inputs.filter((input) => input.type === 'trade').length).toBeGreaterThan(20);
    expect(probe.inputs[0]).toMatchObject({
      type: 'symbol',
      symbol: BTC,
      tick: '0.01',
      step: '0.00000001',
      quotes: true,
    });
    expect(fake.streams.connections).toBe(1);
  });

  const sequences: [StreamFaultKind, string[], string[]][] = [
    ['drop-diff', ['gap', 'synced'], []],
    ['duplicate-diff', [], []],
    ['reorder-diffs', ['gap', 'synced'], []],
    ['bad-json', ['gap', 'synced'], ['json']],
    ['off-tick', ['gap', 'synced'], ['depth']],
    ['bad-price', ['gap', 'synced'], ['depth']],
  ];
  it.each(sequences)('%s: that symbol alone goes %j and ends true', async (kind, expected, malformed) => {
    const { fake, probe } = await start();
    const stop = fake.run(5);
    await rig.synced(BTC);
    await rig.synced(ETH);
    const before = fake.market(BTC).last;
    fake.inject({ kind, symbol: BTC, after: 3 });
    await until(() => fake.market(BTC).last > before + 100);
    await until(() => probe.statuses(BTC).length === START.length + expected.length && probe.status(BTC) === 'synced');
    stop();
    await rig.expectTrueBooks();
    expect(probe.statuses(BTC).map((status) => status.split(' ')[0])).toEqual([...START, ...expected]);
    expect(probe.statuses(ETH)).toEqual(START);
    expect(rig.malformed).toEqual(malformed);
    expect(rig.reconnects).toEqual([]);
    expect(rig.snapshots).toBe(expected.length === 0 ? 2 : 3);
  });

  it('a gap names the update that was expected and the one that came', async () => {
    const { fake, probe } = await start();
    const stop = fake.run(5);
    await rig.synced(BTC);
    stop();
    await until(() => probe.follow(BTC).last === fake.market(BTC).last);
    const held = fake.market(BTC).last;
    fake.inject({ kind: 'drop-diff', symbol: BTC });
    fake.step();
    const lost = fake.market(BTC).last;
    fake.step();
    await rig.synced(ETH);
    await until(() => probe.statuses(BTC).length === START.length + 2);
    expect(probe.statuses(BTC).slice(START.length)).toEqual([`gap ${held + 1} ${lost + 1}`, 'synced']);
    await rig.expectTrueBooks();
  });

  it.each([
    ['disconnect', 'connection closed'],
    ['stall', `no message for ${STALL_MS} ms`],
    ['server-shutdown', 'the venue announced its shutdown'],
  ] as const)('%s: both symbols of the connection go stale, buffer and are true again', async (kind, reason) => {
    const { fake, probe } = await start();
    const stop = fake.run(5);
    await rig.synced(BTC);
    await rig.synced(ETH);
    fake.inject({ kind, symbol: BTC, after: 2 });
    for (const symbol of [BTC, ETH]) await until(() => probe.statuses(symbol).length === START.length + 3);
    stop();
    await rig.expectTrueBooks();
    for (const symbol of [BTC, ETH]) {
      expect(probe.statuses(symbol)).toEqual([...START, 'stale', 'buffering', 'synced']);
      expect(probe.follow(symbol).statuses[START.length]?.reason).toContain(reason);
    }
    expect(rig.reconnects).toHaveLength(1);
    expect(fake.streams.connections).toBe(2);
  });

  it('snapshots older than the buffer are fetched again until one joins', async () => {
    const { fake, probe } = await start([{ kind: 'stale-snapshot', symbol: BTC, times: 3 }]);
    const stop = fake.run(5);
    await rig.synced(BTC);
    await rig.synced(ETH);
    await until(() => probe.comparisons > 20);
    stop();
    await rig.expectTrueBooks();
    expect(probe.statuses(BTC)).toEqual([...START.slice(0, -1), 'buffering', 'buffering', 'buffering', 'synced']);
    expect(probe.statuses(ETH)).toEqual(START);
  });

  it.each([429, 418])('%d: no request leaves before Retry-After is over', async (status) => {
    const { fake, probe } = await start([{ kind: 'rate-limit', symbol: BTC, status, retryAfterS: 1 }]);
    const stop = fake.run(5);
    await rig.synced(BTC);
    await rig.synced(ETH);
    await until(() => probe.comparisons > 20);
    stop();
    await rig.expectTrueBooks();
    const refused = fake.requests.findIndex((request) => request.status === status);
    const after = fake.requests.slice(refused + 1).filter((request) => request.symbol === BTC);
    expect(refused).toBeGreaterThanOrEqual(0);
    expect(after).toHaveLength(1);
    expect((after[0]?.atMs ?? 0) - (fake.requests[refused]?.atMs ?? 0)).toBeGreaterThanOrEqual(995);
    expect(probe.statuses(BTC)).toEqual(START);
  });

  it.each(['http-error', 'bad-snapshot', 'hang'] as const)('%s: asked again until it is answered', async (kind) => {
    const { fake, probe } = await start([{ kind, symbol: BTC, times: 3 }], { restTimeoutMs: 100 });
    const stop = fake.run(5);
    await rig.synced(BTC);
    await rig.synced(ETH);
    await until(() => probe.comparisons > 20);
    stop();
    await rig.expectTrueBooks();
    expect(fake.requests.filter((request) => request.symbol === BTC)).toHaveLength(4);
    expect(rig.malformed).toEqual(kind === 'bad-snapshot' ? ['snapshot', 'snapshot', 'snapshot'] : []);
    expect(rig.warnings).toHaveLength(3);
    expect(probe.statuses(BTC)).toEqual(START);
  });

  it('a venue that refuses connections is tried again, said stale once, and followed when it is back', async () => {
    const { fake, probe } = await start();
    const stop = fake.run(5);
    await rig.synced(BTC);
    await rig.synced(ETH);
    fake.streams.refusing = true;
    fake.streams.disconnect(BTC);
    await until(() => probe.status(BTC) === 'stale');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(probe.status(BTC)).toBe('stale');
    fake.streams.refusing = false;
    await rig.synced(BTC);
    await rig.synced(ETH);
    stop();
    await rig.expectTrueBooks();
    expect(probe.statuses(BTC)).toEqual([...START, 'stale', 'buffering', 'synced']);
  });

  it('says once that its retries were in vain, and goes on with them until the venue is back', async () => {
    const { fake, probe } = await start([], { reconnect: { auto: true, retriesMax: 2, backoff: FAST } });
    const stop = fake.run(5);
    await rig.synced(BTC);
    fake.streams.refusing = true;
    fake.streams.disconnect(BTC);
    await until(() => rig.warnings.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(rig.warnings).toEqual(['the venue stays away: the retries go on, as far apart as they get']);
    const told = () => probe.inputs.filter((input) => input.type === 'feed' && input.retries !== undefined);
    const lost = { type: 'feed', status: 'down', reason: expect.stringMatching(/^connection/), retries: 2 };
    expect(told()).toMatchObject([
      { ...lost, symbol: BTC },
      { ...lost, symbol: ETH },
    ]);
    // Who knows nothing of it yet is told again.
    rig.venue.resync('new epoch');
    expect(told()).toHaveLength(4);
    fake.streams.refusing = false;
    await rig.synced(BTC);
    await rig.synced(ETH);
    rig.venue.resync('new epoch');
    expect(told()).toHaveLength(4);
    await rig.synced(BTC);
    await rig.synced(ETH);
    stop();
    await rig.expectTrueBooks();
    expect(probe.statuses(BTC)).toEqual([...START, 'stale', 'buffering', 'synced', 'buffering', 'synced']);
  });

  it('ends with the first loss where it may not connect again, while time goes on', async () => {
    const { fake, probe } = await start([], { reconnect: { auto: false, retriesMax: 10, backoff: FAST } });
    const stop = fake.run(5);
    await rig.synced(BTC);
    await rig.synced(ETH);
    fake.streams.disconnect(BTC);
    await until(() => probe.status(BTC) === 'stale' && probe.status(ETH) === 'stale');
    expect(rig.warnings).toEqual(['the venue has ended with the first loss: AUTO_RECONNECT is false']);
    const clocks = () => probe.inputs.filter(({ type }) => type === 'clock').length;
    const before = clocks();
    await until(() => clocks() > before, 3_000);
    stop();
    expect([probe.status(BTC), probe.status(ETH), rig.error]).toEqual(['stale', 'stale', undefined]);
  });

  it('starts every book anew on resync, from new snapshots', async () => {
    const { fake, probe } = await start();
    const stop = fake.run(5);
    await rig.synced(BTC);
    await rig.synced(ETH);
    const before = probe.inputs.length;
    rig.venue.resync('new epoch');
    const fresh = new MarketProbe(new Market());
    await until(
      () => probe.statuses(ETH).length === START.length + 2 && probe.statuses(BTC).length === START.length + 2,
    );
    stop();
    await rig.expectTrueBooks();
    // Who knows only what came since then, as an engine of a new epoch does, knows all.
    for (const input of probe.inputs.slice(before)) fresh.accept(input);
    for (const symbol of [BTC, ETH]) {
      expect(probe.statuses(symbol)).toEqual([...START, 'buffering', 'synced']);
      expect(fresh.levels(symbol)).toEqual(fake.market(symbol).levels());
    }
    expect(fresh.market.rejectedInputs).toBe(0);
  });

  it('answers pings with their payload, and renews a connection before the venue cuts it', async () => {
    const { fake, probe } = await start([], { lifeMs: 400 });
    const stop = fake.run(5);
    await rig.synced(BTC);
    await expect(fake.streams.ping('1723161255')).resolves.toBe('1723161255');
    await until(() => fake.streams.connections === 2);
    await until(() => probe.statuses(BTC).length >= START.length + 3 && probe.status(BTC) === 'synced');
    stop();
    await rig.expectTrueBooks();
    expect(probe.follow(BTC).statuses[START.length]?.reason).toContain('renewed');
  });

  it('out of reach at the start: no second passes before each book is called stale, and stale it stays', async () => {
    let answers = false;
    // In front of the REST API: sends on to it once it may.
    const front = createServer((request, response) => {
      if (answers) response.writeHead(307, { location: `${rig.fake.restUrl}${request.url}` });
      else response.writeHead(503);
      response.end();
    });
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
    const { port } = front.address() as AddressInfo;
    const { fake, probe } = await start([], { restUrl: `http://127.0.0.1:${port}` });
    fake.streams.refusing = true;
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    expect(rig.warnings.length).toBeGreaterThan(0);
    expect(probe.inputs).toEqual([]);
    answers = true;
    await until(() => probe.inputs.some(({ type }) => type === 'clock'));
    expect(probe.inputs.slice(0, 4).map(({ type }) => type)).toEqual(['symbol', 'feed', 'symbol', 'feed']);
    for (const symbol of [BTC, ETH]) expect(probe.statuses(symbol)).toEqual(['buffering', 'stale']);
    expect(probe.follow(BTC).statuses[1]?.reason).toBe('not connected yet');
    fake.streams.refusing = false;
    const stop = fake.run(5);
    await rig.synced(BTC);
    await rig.synced(ETH);
    await until(() => probe.comparisons > 20);
    stop();
    await rig.expectTrueBooks();
    expect(probe.statuses(BTC)).toEqual(START);
    front.closeAllConnections();
    front.close();
  });

  it('names a symbol that the venue does not trade, and ends', async () => {
    await start([], { symbols: [BTC, 'NOSUCHUSDT'] });
    await until(() => rig.error);
    expect(rig.error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('"NOSUCHUSDT"') });
  });
});
