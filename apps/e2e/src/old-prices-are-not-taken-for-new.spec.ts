import { type App, FakeBinance, SseClient, spawnApp, until } from '@depthcast/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { io, type Socket } from 'socket.io-client';
import { TestStack } from './stack.ts';

const BTC = 'BTCUSDT';
const ETH = 'ETHUSDT';
const STEP_MS = 20;
const WAIT_MS = 15_000;
const NOT_IN_SYNC = ['gap', 'buffering', 'stale'];

/** Everybody who can watch a symbol: how its book stands as each of them was told. */
class Watchers {
  /** Of each, what it was told last: a status of the book, or of a view whether it is fresh. */
  readonly #told = new Map<string, string>();
  readonly #closers: (() => void)[] = [];
  readonly reasons: string[] = [];
  readonly errors: { at: string; message: string }[] = [];

  static async start(url: string, symbol: string): Promise<Watchers> {
    const watchers = new Watchers();
    const { of } = watchers;
    await watchers.#sse('/api/stream', `${url}/api/stream?symbols=${symbol}&types=market,book_status,error`, symbol);
    await watchers.#sse('/stream, a view', `${url}/stream?interval=0&streams=${symbol}:MBP:5`, symbol);
    await watchers.#sse('/stream, trades', `${url}/stream?streams=${symbol}:TRADES`, symbol);
    watchers.#socket('Socket.IO, best prices', url, symbol, (socket) => socket.emit('ready'));
    watchers.#socket('Socket.IO, a view', url, symbol, (socket) => socket.emit('subscribe', `${symbol}:MBP:5`));
    await until(() => of().length === 5, WAIT_MS, 'every watcher has been told how the book stands').catch((error) => {
      throw new Error(`${error.message}: ${JSON.stringify(of())}`);
    });
    return watchers;
  }

  readonly of = (): [string, string][] => [...this.#told];

  async until(statuses: readonly string[], what: string): Promise<void> {
    const isSo = () => this.of().every(([, status]) => statuses.includes(status));
    await until(isSo, WAIT_MS, what).catch((error) => {
      throw new Error(`${error.message}: ${JSON.stringify(this.of())}`);
    });
  }

  close(): void {
    for (const close of this.#closers) close();
  }

  #on(name: string, event: string, symbol: string, data: Record<string, unknown>): void {
    if (event === 'error') this.errors.push({ at: name, message: String(data.message) });
    if (data.symbol !== symbol) return;
    if (event === 'market_data') this.#told.set(name, data.stale === true ? 'stale' : 'synced');
    if (event !== 'book_status') return;
    this.#told.set(name, String(data.status));
    if (data.reason !== undefined) this.reasons.push(String(data.reason));
  }

  async #sse(name: string, url: string, symbol: string): Promise<void> {
    const client = await SseClient.connect(url);
    this.#closers.push(() => client.close());
    // The log's own begins with what comes next: as far as it knows all is well.
    this.#told.set(name, 'synced');
    void (async () => {
      for await (const { dispatched, event, data } of client) {
        if (dispatched) this.#on(name, event, symbol, JSON.parse(data) as Record<string, unknown>);
      }
    })();
  }

  #socket(name: string, url: string, symbol: string, ask: (socket: Socket) => void): void {
    const socket = io(url, { transports: ['websocket'], forceNew: true });
    this.#closers.push(() => socket.disconnect());
    socket.onAny((event: string, data: Record<string, unknown>) => this.#on(name, event, symbol, data));
    socket.on('bbo_update', (data) => {
      if (data.symbol === symbol && !this.#told.has(name)) this.#told.set(name, 'synced');
    });
    socket.on('connect', () => ask(socket));
  }
}

/** Staleness end to end: each way in which prices grow old, as everybody who watches them is told. */
describe('who watches a symbol is told that its prices are old', () => {
  let fake: FakeBinance;
  let stack: TestStack;
  let other: App;
  let watchers: Watchers;

  beforeAll(async () => {
    fake = await FakeBinance.start({
      symbols: [
        { symbol: BTC, tick: '0.01', step: '0.00001' },
        { symbol: ETH, tick: '0.01', step: '0.0001' },
      ],
    });
    fake.run(STEP_MS);
    stack = await TestStack.start({
      ingest: {
        SOURCE: 'binance',
        SYMBOLS: `${BTC},${ETH}`,
        BINANCE_WS_URL: fake.wsUrl,
        BINANCE_REST_URL: fake.restUrl,
        STALL_MS: '1000',
        MAX_RETRIES: '3',
        INITIAL_BACKOFF: '0.05',
      },
    });
  }, 60_000);

  beforeEach(async () => {
    await until(async () => (await book(BTC)) && (await book(ETH)), WAIT_MS, 'both books in sync');
    watchers?.close();
    watchers = await Watchers.start(stack.url(0, ''), BTC);
    await watchers.until(['synced'], 'all is well at first');
  }, 60_000);

  afterAll(async () => {
    watchers?.close();
    await other?.stop();
    await stack?.stop();
    await fake?.close();
  });

  /** Whether a newcomer is shown a book that is in sync. */
  async function book(symbol: string): Promise<boolean> {
    const client = await SseClient.connect(stack.url(0, `/stream?streams=${symbol}:MBP:5`));
    try {
      const { data } = await client.next('market_data', WAIT_MS);
      return JSON.parse(data).stale !== true;
    } finally {
      client.close();
    }
  }

  it('when the venue holds its connection and says nothing', async () => {
    fake.streams.refusing = true;
    fake.streams.stall(BTC);
    await watchers.until(['stale'], 'a silent venue');
    expect(watchers.reasons).toContain('no message for 1000 ms');
    expect(await book(BTC)).toBe(false);
    fake.streams.refusing = false;
    await watchers.until(['synced'], 'a venue that speaks again');
  }, 60_000);

  it('while a book that has a gap is fetched anew, and nobody who watches another', async () => {
    const elsewhere = await Watchers.start(stack.url(0, ''), ETH);
    fake.inject({ kind: 'http-error', symbol: BTC, times: 4 });
    fake.inject({ kind: 'drop-diff', symbol: BTC });
    await watchers.until(NOT_IN_SYNC, 'a gap');
    expect(elsewhere.of().map(([, status]) => status)).toEqual(Array(5).fill('synced'));
    expect(elsewhere.reasons).toEqual([]);
    elsewhere.close();
    await watchers.until(['synced'], 'a book that is whole again');
  }, 60_000);

  it('when ingest is killed and the clock stands still', async () => {
    await stack.ingest.kill();
    await watchers.until(['stale'], 'no clock');
    expect(watchers.reasons).toContain('no_clock');
    expect(await book(BTC)).toBe(false);
    stack.startIngest();
    await watchers.until(['synced'], 'an ingest that was started again');
  }, 60_000);

  it('when ingest is killed while the clock of another one goes on', async () => {
    other = spawnApp('ingest', {
      env: { REDIS_URL: stack.redis.url, SOURCE: 'simulator', SYMBOLS: 'BTCUSD', OPS_ADDR: '127.0.0.1:0' },
    });
    await other.ready();
    await until(() => book('BTCUSD'), WAIT_MS, 'the other one has a book');
    await stack.ingest.kill();
    await watchers.until(['stale'], 'a producer that is gone');
    expect(watchers.reasons).toContain('nothing is heard of the producer');
    expect(await book('BTCUSD')).toBe(true);
    stack.startIngest();
    await watchers.until(['synced'], 'an ingest that was started again');
    await other.stop();
  }, 60_000);
});
