import { type EventType, formatCursor, klineIntervals } from '@depthcast/protocol';
import { Controller, Get, Inject, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { EventQuery, ReadRow } from '../stores/journal-store.ts';
import { csvPieces, firstRows, type JsonPage, jsonPieces, type Pages } from './answers.ts';
import { AtOnce } from './at-once.ts';
import { ExportDesk } from './export-desk.ts';
import { CONTENT_TYPES, type Format, formatOf } from './formats.ts';
import { HISTORY, type HistorySource, PARTITION } from './history-source.ts';
import { KnownSymbols } from './known-symbols.ts';
import {
  checkNames,
  oneOf,
  type Query as QueryString,
  RANGE_PARAMETERS,
  type Range,
  range,
  required,
  symbolList,
  typesAndAccount,
  whole,
} from './params.ts';
import { parquetPieces } from './parquet.ts';
import { KIND_NAMES, KINDS, type RowKind } from './row-kinds.ts';
import { sendPieces } from './send-pieces.ts';

/** What Nest injects the folder for scratch files by. */
export const SCRATCH = Symbol('scratch');

export const PAGE_ROWS_MAX = 10_000;
const PAGE_ROWS = 100;
const CANDLES = 500;
const FILE_ROWS_MAX = 100_000_000;
const PAGES_AT_ONCE_MAX = 64;
/** Rows of one question to the database, which are held together. */
const DATABASE_PAGE_ROWS = 10_001;
const HEAVY_PAGE_ROWS = 100;
const WHOLE_BOOKS = ['book_snapshot', 'book_orders'];
const RANGE_NAMES = [...RANGE_PARAMETERS, 'limit', 'format'];
/** How far venues' clocks may be behind the times at which bars open. */
const CLOCKS_DIFFER_US = 60_000_000;

/** What one request is answered from. */
interface Asked {
  readonly kind: RowKind;
  readonly head: JsonPage['head'];
  readonly query: EventQuery;
  readonly range: Range;
  readonly format: Format;
  readonly limit: number;
  readonly last?: JsonPage['last'];
}

/** Rows of the history: pages as JSON, ranges of any length as files. */
@Controller('api/history')
export class RowsController {
  readonly #pages = new AtOnce('pages of history', PAGES_AT_ONCE_MAX);
  readonly #history: HistorySource;
  readonly #symbols: KnownSymbols;
  readonly #desk: ExportDesk;
  readonly #scratch: string;

  constructor(
    @Inject(HISTORY) history: HistorySource,
    symbols: KnownSymbols,
    desk: ExportDesk,
    @Inject(SCRATCH) scratch: string,
  ) {
    this.#history = history;
    this.#symbols = symbols;
    this.#desk = desk;
    this.#scratch = scratch;
  }

  @Get('updates')
  updates(@Query() query: QueryString, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#ofSymbol(KINDS.updates, query, request, reply);
  }

  @Get('trades')
  trades(@Query() query: QueryString, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#ofSymbol(KINDS.trades, query, request, reply);
  }

  /** Closed bars, by the time at which they open; behind the last one, the one that is open. */
  @Get('candles')
  async candles(@Query() query: QueryString, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    checkNames(query, ['symbol', 'interval', ...RANGE_NAMES]);
    const interval = oneOf(query, 'interval', klineIntervals) ?? '1m';
    const asked = range(query);
    const symbol = await this.#symbols.check(required(query, 'symbol', 'one of /api/history/symbols'));
    const format = formatOf(query, request.headers.accept, 'json');
    const search = { ...barSearch(asked), symbols: [symbol], interval };
    const { before } = asked;
    await this.#answer(reply, request, {
      kind: KINDS.candles,
      head: { symbol, interval },
      query: { ...search, closed: true },
      range: asked,
      format,
      limit: limitOf(query, format, CANDLES),
      ...(before ? {} : { last: () => this.#openBar(search) }),
    });
  }

  /** In the log's order, from the earliest that is kept or from `after` on. */
  @Get('events')
  async events(@Query() query: QueryString, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    checkNames(query, ['types', 'symbols', 'account', ...RANGE_NAMES]);
    const format = formatOf(query, request.headers.accept, 'json');
    await this.#answer(reply, request, {
      kind: KINDS.events,
      head: {},
      query: await this.#eventSearch(query),
      range: range(query),
      format,
      limit: limitOf(query, format, PAGE_ROWS),
    });
  }

  /** Any of these as a file, of any length. */
  @Get('export')
  async export(@Query() query: QueryString, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    const data = oneOf(query, 'data', KIND_NAMES) ?? 'events';
    const own = { events: ['types', 'account'], candles: ['interval'], updates: [], trades: [] }[data];
    checkNames(query, ['data', 'symbols', ...own, ...RANGE_NAMES]);
    const format = formatOf(query, request.headers.accept, 'csv');
    const asked = range(query);
    const symbols = await this.#symbolsOf(query);
    const interval = oneOf(query, 'interval', klineIntervals);
    const bars = { ...barSearch(asked), closed: true, ...(interval ? { interval } : {}) };
    const search = {
      events: () => this.#eventSearch(query),
      candles: () => ({ ...bars, ...symbols }),
      updates: () => ({ ...timeSearch(asked), ...symbols }),
      trades: () => ({ ...timeSearch(asked), ...symbols }),
    }[data];
    void reply.header('Content-Disposition', `attachment; filename="${data}.${format}"`);
    await this.#file(reply, request, {
      kind: KINDS[data],
      head: {},
      query: await search(),
      range: asked,
      format,
      limit: whole(query, 'limit', 1, FILE_ROWS_MAX) ?? Number.POSITIVE_INFINITY,
    });
  }

  async #ofSymbol(kind: RowKind, query: QueryString, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    checkNames(query, ['symbol', ...RANGE_NAMES]);
    const asked = range(query);
    const symbol = await this.#symbols.check(required(query, 'symbol', 'one of /api/history/symbols'));
    const format = formatOf(query, request.headers.accept, 'json');
    const limit = limitOf(query, format, PAGE_ROWS);
    const search = { ...timeSearch(asked), symbols: [symbol] };
    await this.#answer(reply, request, { kind, head: { symbol }, query: search, range: asked, format, limit });
  }

  #answer(reply: FastifyReply, request: FastifyRequest, asked: Asked): Promise<void> {
    void reply.header('Vary', 'Accept');
    return asked.format === 'json' ? this.#page(reply, asked) : this.#file(reply, request, asked);
  }

  async #page(reply: FastifyReply, { kind, head, query, range: { fromMs, after }, limit, last }: Asked): Promise<void> {
    const end = this.#pages.take();
    const search = { ...query, ...typesOf(kind), partition: PARTITION, limit: limit + 1 };
    // Without a beginning it is the newest that is asked for, or what comes before somewhere.
    const isNewest = fromMs === undefined && after === undefined && kind !== KINDS.events;
    const pageRows = pageRowsOf(search);
    const make = async function* (history: HistorySource) {
      const more = last ? { last } : {};
      if (!isNewest) return yield* jsonPieces({ kind, head, limit, rows: history.events(search, pageRows), ...more });
      const newest = (await collected(history.events({ ...search, newestFirst: true }, pageRows))).reverse();
      const rows = newest.slice(-limit);
      const [first] = rows;
      const previous = newest.length > limit && first ? formatCursor(first) : null;
      yield* jsonPieces({ kind, head, limit, rows: oneOfThem(rows), previous, ...more });
    };
    try {
      await sendPieces(reply, CONTENT_TYPES.json, () => make(this.#history), end);
    } catch (error) {
      end();
      throw error;
    }
  }

  async #file(
    reply: FastifyReply,
    request: FastifyRequest,
    { kind, head, query, format, limit }: Asked,
  ): Promise<void> {
    const search = { ...query, ...typesOf(kind), partition: PARTITION };
    const bounded = limit === Number.POSITIVE_INFINITY ? search : { ...search, limit };
    const all = this.#history.events(bounded, pageRowsOf(bounded));
    const id = String(request.headers['x-request-id'] ?? '');
    const { rows, end } = this.#desk.begin(id, kind.name, format, firstRows(all, limit));
    const make = (signal: AbortSignal) => {
      if (format === 'parquet') return parquetPieces(kind, rows, this.#scratch, signal);
      return format === 'csv' ? csvPieces(kind, rows) : jsonPieces({ kind, head, rows, limit });
    };
    try {
      await sendPieces(reply, CONTENT_TYPES[format], make, end);
    } catch (error) {
      end();
      throw error;
    }
  }

  async #eventSearch(query: QueryString): Promise<EventQuery> {
    const { types, account } = typesAndAccount(query);
    return {
      ...timeSearch(range(query)),
      ...(await this.#symbolsOf(query)),
      ...(types ? { types } : {}),
      ...(account === undefined ? {} : { account }),
    };
  }

  async #symbolsOf(query: QueryString): Promise<{ readonly symbols?: readonly string[] }> {
    const names = symbolList(query);
    if (!names) return {};
    return { symbols: await Promise.all(names.map((name) => this.#symbols.check(name))) };
  }

  /** The newest bar of these, where it has not closed. */
  async #openBar(search: EventQuery): Promise<readonly ReadRow[]> {
    const query = { ...search, ...typesOf(KINDS.candles), partition: PARTITION, newestFirst: true, limit: 1 };
    const rows = await collected(this.#history.events(query));
    return rows.filter(({ payload }) => payload.includes('"closed":false'));
  }
}

function typesOf({ types }: RowKind): { readonly types?: readonly EventType[] } {
  return types ? { types: types as readonly EventType[] } : {};
}

/** A question costs the database more than its rows do; but a whole book may be as large as a thousand of them. */
function pageRowsOf({ types, limit }: EventQuery): number {
  const isHeavy = types?.some((type) => WHOLE_BOOKS.includes(type));
  return Math.min(limit ?? DATABASE_PAGE_ROWS, isHeavy ? HEAVY_PAGE_ROWS : DATABASE_PAGE_ROWS);
}

/** By the events' own times. */
function timeSearch({ fromMs, toMs, after, before }: Range): EventQuery {
  return {
    ...(fromMs === undefined ? {} : { fromUs: fromMs * 1_000 }),
    ...(toMs === undefined ? {} : { toUs: toMs * 1_000 }),
    ...(after ? { after } : {}),
    ...(before ? { before } : {}),
  };
}

/** By the times at which bars open. None is closed before that, which spares the database what is older. */
function barSearch({ fromMs, toMs, after, before }: Range): EventQuery {
  return {
    ...(fromMs === undefined ? {} : { openFrom: fromMs, fromUs: Math.max(0, fromMs * 1_000 - CLOCKS_DIFFER_US) }),
    ...(toMs === undefined ? {} : { openTo: toMs }),
    ...(after ? { after } : {}),
    ...(before ? { before } : {}),
  };
}

function limitOf(query: QueryString, format: Format, otherwise: number): number {
  if (format === 'json') return whole(query, 'limit', 1, PAGE_ROWS_MAX) ?? otherwise;
  return whole(query, 'limit', 1, FILE_ROWS_MAX) ?? Number.POSITIVE_INFINITY;
}

async function collected(pages: Pages): Promise<ReadRow[]> {
  const rows: ReadRow[] = [];
  for await (const page of pages) rows.push(...page);
  return rows;
}

async function* oneOfThem(rows: readonly ReadRow[]): Pages {
  yield rows;
}
