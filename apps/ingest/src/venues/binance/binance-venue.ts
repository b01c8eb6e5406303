import { setTimeout as sleep } from 'node:timers/promises';
import { DepthcastError, type UnstampedInput } from '@depthcast/protocol';
import { Observable, type Subscriber, Subscription } from 'rxjs';
import { feedInput } from '../feed-input.ts';
import type { Venue, VenueReport } from '../venue.ts';
import { wallClockSeconds, wallClockUs } from '../wall-clock.ts';
import { AttemptBudget } from './attempt-budget.ts';
import { type BackoffOptions, backoffMs } from './backoff.ts';
import { DepthFeed } from './depth-feed.ts';
import { MalformedMessage } from './malformed-message.ts';
import { type MarketSymbol, symbolInput } from './market-symbol.ts';
import { BinanceAdapter, type Decoded } from './messages.ts';
import { BinanceRest } from './rest.ts';
import { SnapshotFetcher } from './snapshot-fetcher.ts';
import { type ConnectionPlan, planConnections } from './streams.ts';
import { type ReconnectPolicy, type Transport, type TransportEvent, transport } from './transport.ts';

const UNTRADED_SHOWN_MAX = 20;
const NOT_CONNECTED = 'not connected yet';
const ENDED = 'not connected any more: AUTO_RECONNECT is false';
const DEFINITIONS_BACKOFF: BackoffOptions = { baseMs: 500, capMs: 30_000 };

export interface BinanceOptions {
  /** The venue's own names: `BTCUSDT`. */
  readonly symbols: readonly string[];
  readonly wsUrl: string;
  readonly restUrl: string;
  readonly stallMs: number;
  readonly report: VenueReport;
  /** For definitions and snapshots alike; each has its own default. */
  readonly backoff?: BackoffOptions;
  /** What becomes of a connection that is lost. */
  readonly reconnect?: Partial<ReconnectPolicy>;
  /** How long a connection is kept, see TransportOptions. */
  readonly lifeMs?: number;
  readonly restTimeoutMs?: number;
}

interface Followed {
  readonly market: MarketSymbol;
  readonly depth: DepthFeed;
  /** Why no data flows; undefined while it does. */
  downReason: string | undefined;
  /** How many retries in a row were in vain, once they were as many as are allowed. */
  retries?: number | undefined;
}

/** Binance spot, live: books, quotes and trades over combined streams, definitions and snapshots over REST. */
export class BinanceVenue implements Venue {
  readonly name = 'binance';
  readonly #options: BinanceOptions;
  readonly #rest: BinanceRest;
  readonly #budget = new AttemptBudget();
  readonly #followed = new Map<string, Followed>();
  #subscriber: Subscriber<UnstampedInput> | undefined;
  #adapter = new BinanceAdapter(new Map());

  constructor(options: BinanceOptions) {
    this.#options = options;
    const { restUrl, restTimeoutMs } = options;
    this.#rest = new BinanceRest({
      baseUrl: restUrl,
      ...(restTimeoutMs === undefined ? {} : { timeoutMs: restTimeoutMs }),
    });
  }

  inputs(): Observable<UnstampedInput> {
    return new Observable((subscriber) => {
      const stop = new AbortController();
      this.#subscriber = subscriber;
      this.#start(subscriber, stop.signal).catch((error: unknown) => {
        if (!stop.signal.aborted) subscriber.error(error);
      });
      return () => {
        stop.abort();
        this.#subscriber = undefined;
        for (const { depth } of this.#followed.values()) depth.down();
        this.#followed.clear();
      };
    });
  }

  resync(reason: string, only?: ReadonlySet<string>): void {
    const subscriber = this.#subscriber;
    if (!subscriber) return;
    for (const { market, depth, downReason, retries } of this.#followed.values()) {
      if (only && !only.has(market.symbol)) continue;
      const nowUs = wallClockUs();
      const isUp = downReason === undefined;
      subscriber.next(symbolInput(market, nowUs));
      subscriber.next(feedInput(market.symbol, isUp ? 'up' : 'down', downReason ?? reason, nowUs, retries));
      if (isUp) depth.up();
    }
  }

  /**
   * A book of before our start is not live. It can be called stale only after its symbol has been defined, and until
   * then no second may pass for it either: without clocks its readers take it for stale.
   */
  async #start(subscriber: Subscriber<UnstampedInput>, signal: AbortSignal): Promise<void> {
    const markets = await this.#definitions(signal);
    if (subscriber.closed) return;
    this.#adapter = new BinanceAdapter(new Map(markets.map((market) => [market.venueSymbol, market])));
    for (const market of markets) {
      const nowUs = wallClockUs();
      this.#followed.set(market.symbol, this.#follow(market, subscriber));
      subscriber.next(symbolInput(market, nowUs));
      subscriber.next(feedInput(market.symbol, 'down', NOT_CONNECTED, nowUs));
    }
    const untraded = markets.filter(({ trading }) => trading === undefined).map(({ symbol }) => symbol);
    if (untraded.length > 0) {
      this.#options.report.info('no paper orders: exchangeInfo lacks their rules', {
        count: untraded.length,
        symbols: untraded.slice(0, UNTRADED_SHOWN_MAX),
      });
    }
    subscriber.add(wallClockSeconds().subscribe((clock) => subscriber.next(clock)));
    const connections = new Subscription();
    subscriber.add(connections);
    for (const plan of planConnections(this.#options.wsUrl, markets)) {
      connections.add(this.#connect(plan, subscriber, () => this.#end(connections, subscriber)));
    }
  }

  /** Asks until the venue answers; only a symbol that it does not know is final. */
  async #definitions(signal: AbortSignal): Promise<MarketSymbol[]> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#rest.exchangeInfo(this.#options.symbols, signal);
      } catch (error) {
        if (error instanceof DepthcastError || signal.aborted) throw error;
        this.#options.report.warn('symbol definitions failed', { reason: (error as Error).message, attempt });
      }
      await sleep(backoffMs(attempt, this.#options.backoff ?? DEFINITIONS_BACKOFF), undefined, { signal });
    }
  }

  #follow(market: MarketSymbol, subscriber: Subscriber<UnstampedInput>): Followed {
    const { report, backoff } = this.#options;
    const deliver = (snapshot: Parameters<DepthFeed['onSnapshot']>[0]): void => depth.onSnapshot(snapshot);
    const source = new SnapshotFetcher({ market, rest: this.#rest, report, backoff, deliver });
    const depth = new DepthFeed(market.rule, source, (input) => subscriber.next(input));
    return { market, depth, downReason: NOT_CONNECTED };
  }

  /** One connection was lost, and none may be made again. Time goes on, so that the books are known to be stale. */
  #end(connections: Subscription, out: Subscriber<UnstampedInput>): void {
    connections.unsubscribe();
    this.#options.report.warn('the venue has ended with the first loss: AUTO_RECONNECT is false');
    for (const followed of this.#followed.values()) {
      if (followed.downReason === undefined) this.#lose(followed, ENDED, out);
    }
  }

  #lose(followed: Followed, reason: string, out: Subscriber<UnstampedInput>): void {
    followed.downReason = reason;
    out.next(feedInput(followed.market.symbol, 'down', reason, wallClockUs()));
    followed.depth.down();
  }

  #connect(plan: ConnectionPlan, subscriber: Subscriber<UnstampedInput>, onEnd: () => void) {
    const { stallMs, reconnect, lifeMs } = this.#options;
    const connection = transport({
      url: plan.url,
      stallMs,
      budget: this.#budget,
      ...(reconnect === undefined ? {} : { reconnect }),
      ...(lifeMs === undefined ? {} : { lifeMs }),
    });
    return connection.events.subscribe({
      next: (event) => this.#onEvent(event, plan, connection, subscriber),
      complete: onEnd,
    });
  }

  #onEvent(event: TransportEvent, plan: ConnectionPlan, connection: Transport, out: Subscriber<UnstampedInput>): void {
    if (event.type === 'message') {
      this.#onMessage(event.text, connection, out);
      return;
    }
    if (event.type === 'exhausted') {
      this.#onExhausted(event.retries, plan, out);
      return;
    }
    const up = event.type === 'up';
    if (up) this.#options.report.info('connected', { symbols: plan.markets.length });
    else this.#options.report.reconnect(event.reason);
    for (const { symbol } of plan.markets) {
      const followed = this.#followed.get(symbol);
      if (!followed) continue;
      if (!up) {
        this.#lose(followed, event.reason, out);
        continue;
      }
      followed.downReason = undefined;
      followed.retries = undefined;
      out.next(feedInput(symbol, 'up', 'connected', wallClockUs()));
      followed.depth.up();
    }
  }

  /** Told to subscribers too: a venue that did not come back by then is no hiccup. */
  #onExhausted(retries: number, { markets }: ConnectionPlan, out: Subscriber<UnstampedInput>): void {
    this.#options.report.warn('the venue stays away: the retries go on, as far apart as they get', { retries });
    for (const { symbol } of markets) {
      const followed = this.#followed.get(symbol);
      if (followed?.downReason === undefined) continue;
      followed.retries = retries;
      out.next(feedInput(symbol, 'down', followed.downReason, wallClockUs(), retries));
    }
  }

  #onMessage(text: string, connection: Transport, out: Subscriber<UnstampedInput>): void {
    const decoded = this.#decode(text);
    if (decoded === undefined) return;
    if (decoded === 'server-shutdown') connection.reconnect('the venue announced its shutdown');
    else if (decoded.type === 'depth') this.#followed.get(decoded.symbol)?.depth.onDiff(decoded);
    else out.next(decoded);
  }

  #decode(text: string): Decoded {
    try {
      return this.#adapter.decode(text, wallClockUs());
    } catch (error) {
      if (!(error instanceof MalformedMessage)) throw error;
      this.#options.report.malformed(error.kind, text, error.message);
      return undefined;
    }
  }
}
