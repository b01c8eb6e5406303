import { formatCursor, type Query as QueryString, single } from '@depthcast/protocol';
import { Controller, Get, Inject, Query } from '@nestjs/common';
import type { RetentionPolicy } from '../stores/journal-store.ts';
import { AtOnce } from './at-once.ts';
import { HISTORY, type HistorySource } from './history-source.ts';
import { KnownSymbols } from './known-symbols.ts';
import { checkNames, range } from './params.ts';

/** What Nest injects the journal's {@link RetentionPolicy} by. */
export const RETENTION = Symbol('retention');
/** What Nest injects a {@link StoredLag} by. */
export const LAG = Symbol('lag');

/** How many events of the log are not stored yet; undefined where that is not known. */
export type StoredLag = () => Promise<number | undefined>;

const HOLES_SHOWN_MAX = 100;
/** Each may look at all that is stored. One of the database's readers is left for all else. */
const LATENCIES_AT_ONCE_MAX = 2;

/** What the history holds, and how long its events took to come. */
@Controller('api/history')
export class SummaryController {
  readonly #latencies = new AtOnce('summaries of latency', LATENCIES_AT_ONCE_MAX);
  readonly #history: HistorySource;
  readonly #symbols: KnownSymbols;
  readonly #retention: RetentionPolicy;
  readonly #lag: StoredLag;

  constructor(
    @Inject(HISTORY) history: HistorySource,
    symbols: KnownSymbols,
    @Inject(RETENTION) retention: RetentionPolicy,
    @Inject(LAG) lag: StoredLag,
  ) {
    this.#history = history;
    this.#symbols = symbols;
    this.#retention = retention;
    this.#lag = lag;
  }

  /** Times in ms. */
  @Get('symbols')
  async symbols(@Query() query: QueryString) {
    checkNames(query, []);
    const summaries = [...(await this.#history.symbols())].sort((a, b) => (a.symbol < b.symbol ? -1 : 1));
    return {
      symbols: summaries.map(({ symbol }) => symbol),
      count: summaries.length,
      details: summaries.map(({ symbol, events, bbo, trades, firstUs, lastUs }) => ({
        symbol,
        events,
        updates: bbo,
        trades,
        first_time: toMs(firstUs),
        last_time: toMs(lastUs),
      })),
    };
  }

  /** From the venue to the ingest, ms: of one symbol's BBO updates, or of all. */
  @Get('latency')
  async latency(@Query() query: QueryString) {
    checkNames(query, ['symbol', 'start_time', 'end_time']);
    const { fromMs, toMs: endMs } = range(query, 1);
    const text = single(query, 'symbol');
    const symbol = text === undefined ? undefined : await this.#symbols.check(text);
    const asked = {
      ...(symbol === undefined ? {} : { symbol }),
      ...(fromMs === undefined ? {} : { fromUs: fromMs * 1_000 }),
      ...(endMs === undefined ? {} : { toUs: endMs * 1_000 }),
    };
    const summary = await this.#latencies.during(() => this.#history.latency(asked));
    const { count, min, mean, p50, p95, p99, max } = summary;
    return {
      symbol: symbol ?? null,
      start_time: fromMs ?? null,
      end_time: endMs ?? null,
      unit: 'ms',
      ...{ count, min, mean, p50, p95, p99, max },
    };
  }

  @Get('stats')
  async stats(@Query() query: QueryString) {
    checkNames(query, []);
    const [partitions, symbols, bytes] = await Promise.all([
      this.#history.partitions(),
      this.#history.symbols(),
      this.#history.bytes(),
    ]);
    const { kind, location } = this.#history.description;
    const { ageMsMax, bytesMax, bboItemsMax } = this.#retention;
    return {
      store: { kind, location, bytes },
      retention: {
        age_ms_max: ageMsMax ?? null,
        bytes_max: bytesMax ?? null,
        updates_per_symbol_max: bboItemsMax ?? null,
      },
      symbols: symbols.length,
      events: partitions.reduce((sum, { events }) => sum + events, 0),
      lag_events: (await this.#lag()) ?? null,
      partitions: await Promise.all(
        partitions.map(async ({ partition, position, earliest, events, orphaned, dropped }) => {
          const holes = await this.#history.holes(partition);
          return {
            partition,
            cursor: formatCursor(position.cursor),
            time: toMs(position.tsUs),
            clock: toMs(position.clockUs),
            earliest: earliest && formatCursor(earliest),
            events,
            orphaned,
            dropped: {
              events: dropped.events,
              by_age: dropped.byAge,
              by_size: dropped.bySize,
              by_items: dropped.byItems,
            },
            hole_count: holes.length,
            // The newest.
            holes: holes
              .slice(-HOLES_SHOWN_MAX)
              .map(({ after, next }) => ({ after: after && formatCursor(after), next: formatCursor(next) })),
          };
        }),
      ),
    };
  }
}

function toMs(us: number | null): number | null {
  return us === null ? null : Math.floor(us / 1_000);
}
