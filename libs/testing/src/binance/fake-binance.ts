import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FakeStreams } from './fake-streams.ts';
import { type Fault, FaultScript, type RestFault, type StreamFaultKind } from './faults.ts';
import { type DepthMessage, type FakeSymbol, GeneratedMarket } from './generated-market.ts';
import { readCapture } from './read-capture.ts';

export interface FakeBinanceOptions {
  readonly symbols: readonly FakeSymbol[];
  readonly seed?: number;
}

/** A REST request that was answered (or is being kept waiting: status 0). */
export interface RestRequest {
  readonly path: string;
  readonly symbol: string | null;
  readonly atMs: number;
  readonly status: number;
}

const LINES_PER_TURN = 200;

/**
 * Binance spot as far as market data goes, on one free port: combined streams over WebSocket, exchangeInfo and depth
 * over REST. It sends a generated flow, step by step, whose true books can be compared with, or a capture; and it goes
 * wrong on demand.
 *
 * @example
 * const fake = await FakeBinance.start({ symbols: [{ symbol: 'BTCUSDT', tick: '0.01', step: '0.00001' }] });
 * fake.inject({ kind: 'drop-diff', symbol: 'BTCUSDT', after: 10 });
 * const stop = fake.run(10);
 */
export class FakeBinance {
  readonly streams: FakeStreams;
  readonly requests: RestRequest[] = [];
  readonly #http: Server;
  readonly #markets: ReadonlyMap<string, GeneratedMarket>;
  readonly #faults = new FaultScript();
  readonly #staleSnapshots: ReadonlyMap<string, string>;
  /** A diff held back by `reorder-diffs`, by symbol. */
  readonly #held = new Map<string, string>();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** While a capture plays: depth requests that wait for its snapshot line. */
  #capture: { snapshot: string | undefined; waiting: ((snapshot: string) => void)[] } | undefined;

  private constructor(options: FakeBinanceOptions) {
    const seed = options.seed ?? 1;
    this.#markets = new Map(options.symbols.map((s, i) => [s.symbol, new GeneratedMarket(s, seed + i)]));
    this.#staleSnapshots = new Map([...this.#markets].map(([symbol, market]) => [symbol, market.snapshotText()]));
    this.#http = createServer((request, response) => void this.#onRequest(request, response));
    this.streams = new FakeStreams(this.#http);
  }

  static async start(options: FakeBinanceOptions): Promise<FakeBinance> {
    const fake = new FakeBinance(options);
    await new Promise<void>((resolve) => fake.#http.listen(0, '127.0.0.1', resolve));
    return fake;
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  /** For BINANCE_WS_URL. */
  get wsUrl(): string {
    return `ws://127.0.0.1:${this.port}`;
  }

  /** For BINANCE_REST_URL. */
  get restUrl(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The true book of a symbol. */
  market(symbol: string): GeneratedMarket {
    const market = this.#markets.get(symbol);
    if (!market) throw new Error(`the fake venue does not trade ${symbol}`);
    return market;
  }

  inject(fault: Fault): void {
    this.market(fault.symbol);
    this.#faults.add(fault);
  }

  /** One moment of each symbol: trade, diff, ticker, as a venue sends them. */
  step(): void {
    for (const market of this.#markets.values()) this.#stepOf(market);
  }

  /** Steps every `everyMs` until the returned function is called. */
  run(everyMs: number): () => void {
    const timer = setInterval(() => this.step(), everyMs);
    this.#timers.add(timer);
    return () => {
      clearInterval(timer);
      this.#timers.delete(timer);
    };
  }

  /**
   * Sends a capture's messages as fast as the clients take them. Depth requests are answered with its snapshot: once
   * its line is reached, the capture waits there until one has been.
   *
   * @param file lines of `<receive time in ns> <raw JSON>`, gzip or plain.
   * @returns the number of messages sent.
   */
  async playCapture(file: string): Promise<number> {
    this.#capture = { snapshot: undefined, waiting: [] };
    let sent = 0;
    for (const text of readCapture(file)) {
      if (text.includes('"lastUpdateId"')) await this.#serveCaptured(text);
      else {
        this.streams.send(/"stream":"([^"]+)"/.exec(text)?.[1] ?? '', text);
        if (++sent % LINES_PER_TURN === 0) await this.streams.drained();
      }
    }
    return sent;
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.streams.close();
    this.#http.closeAllConnections();
    await new Promise<void>((resolve) => this.#http.close(() => resolve()));
  }

  #stepOf(market: GeneratedMarket): void {
    const { symbol } = market.symbol;
    const name = symbol.toLowerCase();
    const { trade, depth, bookTicker } = market.next(Date.now());
    this.streams.send(`${name}@trade`, JSON.stringify({ stream: `${name}@trade`, data: trade }));
    this.#sendDiff(market, depth, this.#faults.atDiff(symbol));
    this.streams.send(`${name}@bookTicker`, JSON.stringify({ stream: `${name}@bookTicker`, data: bookTicker }));
  }

  #sendDiff(market: GeneratedMarket, depth: DepthMessage, faults: readonly StreamFaultKind[]): void {
    const { symbol } = market.symbol;
    const stream = `${symbol.toLowerCase()}@depth@100ms`;
    const has = (kind: StreamFaultKind): boolean => faults.includes(kind);
    let text = JSON.stringify({ stream, data: depth });
    if (has('bad-json')) text = text.slice(0, text.length / 2);
    if (has('off-tick')) text = JSON.stringify({ stream, data: { ...depth, b: [['100.00500000', '1.00000000']] } });
    if (has('bad-price')) text = JSON.stringify({ stream, data: { ...depth, a: [['1e5', '1.00000000']] } });
    const held = this.#held.get(symbol);
    this.#held.delete(symbol);
    if (has('reorder-diffs')) this.#held.set(symbol, text);
    else if (!has('drop-diff')) this.streams.send(stream, text);
    if (has('duplicate-diff')) this.streams.send(stream, text);
    if (held !== undefined) this.streams.send(stream, held);
    if (has('disconnect')) this.streams.disconnect(symbol);
    if (has('stall')) this.streams.stall(symbol);
    if (has('server-shutdown')) this.streams.announceShutdown(symbol);
  }

  async #onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.restUrl);
    const { status, body, headers } = await this.#answerTo(url);
    const symbol = url.searchParams.get('symbol');
    this.requests.push({ path: url.pathname, symbol, atMs: performance.now(), status });
    if (status !== HANGS) response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
  }

  async #answerTo(url: URL): Promise<Answer> {
    if (url.pathname === '/api/v3/exchangeInfo') return this.#exchangeInfo(url.searchParams.get('symbols'));
    const market = this.#markets.get(url.searchParams.get('symbol') ?? '');
    if (url.pathname !== '/api/v3/depth' || !market) return INVALID_SYMBOL;
    const fault = this.#faults.atRequest(market.symbol.symbol);
    return fault ? this.#faultyAnswer(fault, market) : { status: 200, body: await this.#snapshotOf(market) };
  }

  #faultyAnswer(fault: RestFault, market: GeneratedMarket): Answer {
    const { symbol } = market.symbol;
    const headers: Record<string, string> =
      fault.retryAfterS === undefined ? {} : { 'retry-after': String(fault.retryAfterS) };
    const snapshot = market.snapshotText();
    switch (fault.kind) {
      case 'stale-snapshot':
        return { status: 200, body: this.#staleSnapshots.get(symbol) as string };
      case 'rate-limit':
        return { status: fault.status ?? 429, body: '{"code":-1003,"msg":"Too much request weight used."}', headers };
      case 'http-error':
        return { status: fault.status ?? 503, body: 'Service Unavailable' };
      case 'bad-snapshot':
        return { status: 200, body: snapshot.slice(0, snapshot.length / 2) };
      case 'hang':
        return { status: HANGS, body: '' };
    }
  }

  #exchangeInfo(query: string | null): Answer {
    const names = query === null ? [...this.#markets.keys()] : (JSON.parse(query) as string[]);
    if (!names.every((name) => this.#markets.has(name))) return INVALID_SYMBOL;
    const symbols = names.map((name) => {
      const { tick, step } = this.market(name).symbol;
      const filters = [
        { filterType: 'PRICE_FILTER', minPrice: tick, maxPrice: '1000000.00000000', tickSize: tick },
        { filterType: 'LOT_SIZE', minQty: step, maxQty: '9000.00000000', stepSize: step },
        { filterType: 'NOTIONAL', minNotional: '5.00000000', applyMinToMarket: true },
      ];
      const [, baseAsset, quoteAsset] = /^(.+?)(USDT|USD|BTC|)$/.exec(name) as RegExpExecArray;
      const assets = { baseAsset, baseAssetPrecision: 8, quoteAsset, quoteAssetPrecision: 8 };
      return { symbol: name, status: 'TRADING', ...assets, filters };
    });
    return { status: 200, body: JSON.stringify({ timezone: 'UTC', serverTime: Date.now(), symbols }) };
  }

  #snapshotOf(market: GeneratedMarket): string | Promise<string> {
    const capture = this.#capture;
    if (!capture) return market.snapshotText();
    return capture.snapshot ?? new Promise<string>((resolve) => capture.waiting.push(resolve));
  }

  async #serveCaptured(snapshot: string): Promise<void> {
    const capture = this.#capture;
    if (!capture) return;
    const answered = this.requests.length;
    capture.snapshot = snapshot;
    for (const resolve of capture.waiting.splice(0)) resolve(snapshot);
    while (!this.requests.slice(answered).some(({ path }) => path === '/api/v3/depth')) await this.streams.drained();
  }
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers?: Record<string, string>;
}

const HANGS = 0;
const INVALID_SYMBOL: Answer = { status: 400, body: '{"code":-1121,"msg":"Invalid symbol."}' };
