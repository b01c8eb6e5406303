import { type EventType, formatCursor, klineIntervals, type Query as QueryString } from '@depthcast/protocol';
import { Controller, Get, Inject, Query, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { EventQuery, ReadRow } from '../stores/journal-store.ts';
import { PARTITIONS } from '../tokens.ts';
import { csvPieces, firstRows, type JsonPage, jsonPieces, type Pages } from './answers.ts';
import { AtOnce } from './at-once.ts';
import { ExportDesk } from './export-desk.ts';
import { CONTENT_TYPES, type Format, formatOf } from './formats.ts';
import { HISTORY, type HistorySource } from './history-source.ts';
import { KnownSymbols } from './known-symbols.ts';
import { mergedRows } from './merged-rows.ts';
import {
  checkNames,
  oneOf,
  RANGE_PARAMETERS,
  type Range,
  range,
  required,
  symbolList,
  typesAndAccount,
  whole,
} from './params.ts';
import { parquetPieces } from './parquet.ts';
import { type PlaceOfEach, Scope } from './places.ts';
import { KIND_NAMES, KINDS, type KindName, PARTITIONED_EVENTS, type RowKind } from './row-kinds.ts';
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
  /** Without its places, which `range` has. */
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
  readonly #partitions: number;

  constructor(
    @Inject(HISTORY) history: HistorySource,
    symbols: KnownSymbols,
    desk: ExportDesk,
    @Inject(SCRATCH) scratch: string,
    @Inject(PARTITIONS) partitions: number,
  ) {
    this.#history = history;
    this.#symbols = symbols;
    this.#desk = desk;
    this.#scratch = scratch;
    this.#partitions = partitions;
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
    const asked = range(query, this.#partitions);
    const symbol = await this.#symbols.check(required(query, 'symbol', 'one of /api/history/symbols'));
    const format = formatOf(query, request.headers.accept, 'json');
    const search = { ...barSearch(asked), symbols: [symbol], interval };
    await this.#answer(reply, request, {
      kind: KINDS.candles,
      head: { symbol, interval },
      query: { ...search, closed: true },
      range: asked,
      format,
      limit: limitOf(query, format, CANDLES),
      ...(asked.before ? {} : { last: () => this.#openBar(search, asked) }),
    });
  }

  /** In the log's order, of several as they are merged, from the earliest that is kept or from `after` on. */
  @Get('events')
  async events(@Query() query: QueryString, @Req() request: FastifyRequest, @Res() reply: FastifyReply) {
    checkNames(query, ['types', 'symbols', 'account', ...RANGE_NAMES]);
    const format = formatOf(query, request.headers.accept, 'json');
    await this.#answer(reply, request, {
      kind: this.#kind('events'),
      head: {},
      query: await this.#eventSearch(query),
      range: range(query, this.#partitions),
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
    const asked = range(query, this.#partitions);
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
      kind: this.#kind(data),
      head: {},
      query: await search(),
      range: asked,
      format,
      limit: whole(query, 'limit', 1, FILE_ROWS_MAX) ?? Number.POSITIVE_INFINITY,
    });
  }

  async #ofSymbol(kind: RowKind, query: QueryString, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    checkNames(query, ['symbol', ...RANGE_NAMES]);
    const asked = range(query, this.#partitions);
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

  async #page(reply: FastifyReply, asked: Asked): Promise<void> {
    const { kind, head, query, range, limit, last } = asked;
    const scope = new Scope(this.#partitions, query.symbols);
    const after = scope.placeOfEach('after', range.after);
    const rows = this.#rowsIn(scope, asked, after);
    const end = this.#pages.take();
    // Without a beginning it is the newest that is asked for, or what comes before somewhere.
    const isNewest = range.fromMs === undefined && range.after === undefined && kind.types !== undefined;
    const make = async function* () {
      const page = { kind, head, limit, scope, after, ...(last ? { last } : {}) };
      if (!isNewest)
        return yield* jsonPieces({ ...page, rows: firstRows(rows({ ...query, limit: limit + 1 }), limit + 1) });
      const newest = (await collected(rows({ ...query, limit: limit + 1, newestFirst: true }))).reverse();
      const shown = newest.slice(-limit);
      const [first] = shown;
      const previous = newest.length > limit && first ? formatCursor(first) : null;
      yield* jsonPieces({ ...page, rows: oneOfThem(shown), previous });
    };
    try {
      await sendPieces(reply, CONTENT_TYPES.json, make, end);
    } catch (error) {
      end();
      throw error;
    }
  }

  async #file(reply: FastifyReply, request: FastifyRequest, asked: Asked): Promise<void> {
    const { kind, head, query, range, format, limit } = asked;
    const scope = new Scope(this.#partitions, query.symbols);
    const after = scope.placeOfEach('after', range.after);
    const bounded = limit === Number.POSITIVE_INFINITY ? query : { ...query, limit };
    const all = this.#rowsIn(scope, asked, after)(bounded);
    const id = String(request.headers['x-request-id'] ?? '');
    const { rows, end } = this.#desk.begin(id, kind.name, format, firstRows(all, limit));
    const make = (signal: AbortSignal) => {
      if (format === 'parquet') return parquetPieces(kind, rows, this.#scratch, signal);
      return format === 'csv' ? csvPieces(kind, rows) : jsonPieces({ kind, head, rows, limit, scope, after });
    };
    try {
      await sendPieces(reply, CONTENT_TYPES[format], make, end);
    } catch (error) {
      end();
      throw error;
    }
  }

  /** What finds rows of these partitions. @throws DepthcastError `CURSOR_INVALID` */
  #rowsIn(
    scope: Scope,
    { kind, range }: Pick<Asked, 'kind' | 'range'>,
    after: PlaceOfEach,
  ): (query: EventQuery) => Pages {
    const before = scope.placeOfEach('before', range.before);
    const { partitions } = scope;
    return (query) => {
      const search = { ...query, ...typesOf(kind) };
      const pageRows = pageRowsOf(search, partitions.length);
      const pages = partitions.map((partition) => {
        const [from, to] = [after[partition], before[partition]];
        const places = { ...(from ? { after: from } : {}), ...(to ? { before: to } : {}) };
        return this.#history.events({ ...search, ...places, partition }, pageRows);
      });
      return pages.length === 1 ? (pages[0] as Pages) : mergedRows(pages);
    };
  }

  #kind(name: KindName): RowKind {
    return name === 'events' && this.#partitions > 1 ? PARTITIONED_EVENTS : KINDS[name];
  }

  async #eventSearch(query: QueryString): Promise<EventQuery> {
    const { types, account } = typesAndAccount(query);
    return {
      ...timeSearch(range(query, this.#partitions)),
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
  async #openBar(search: EventQuery, range: Range): Promise<readonly ReadRow[]> {
    const scope = new Scope(this.#partitions, search.symbols);
    const find = this.#rowsIn(scope, { kind: KINDS.candles, range }, scope.placeOfEach('after', range.after));
    const rows = await collected(find({ ...search, newestFirst: true, limit: 1 }));
    return rows.filter(({ payload }) => payload.includes('"closed":false'));
  }
}

function typesOf({ types }: RowKind): { readonly types?: readonly EventType[] } {
  return types ? { types: types as readonly EventType[] } : {};
}

/**
 * A question costs the database more than its rows do; but a whole book may be as large as a thousand of them, and of
 * several partitions a page each is held.
 */
function pageRowsOf({ types, limit }: EventQuery, partitions: number): number {
  const isHeavy = types?.some((type) => WHOLE_BOOKS.includes(type));
  const rows = isHeavy ? HEAVY_PAGE_ROWS : Math.max(HEAVY_PAGE_ROWS, Math.ceil(DATABASE_PAGE_ROWS / partitions));
  return Math.min(limit ?? DATABASE_PAGE_ROWS, rows);
}

/** By the events' own times. */
function timeSearch({ fromMs, toMs }: Range): EventQuery {
  return {
    ...(fromMs === undefined ? {} : { fromUs: fromMs * 1_000 }),
    ...(toMs === undefined ? {} : { toUs: toMs * 1_000 }),
  };
}

/** By the times at which bars open. None is closed before that, which spares the database what is older. */
function barSearch({ fromMs, toMs }: Range): EventQuery {
  return {
    ...(fromMs === undefined ? {} : { openFrom: fromMs, fromUs: Math.max(0, fromMs * 1_000 - CLOCKS_DIFFER_US) }),
    ...(toMs === undefined ? {} : { openTo: toMs }),
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
