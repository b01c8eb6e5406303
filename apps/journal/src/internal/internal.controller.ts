import { storedState } from '@depthcast/book';
import { LOG_LINES_TYPE } from '@depthcast/log';
import {
  type Cursor,
  DepthcastError,
  formatCursor,
  partitionOf,
  type Query as QueryString,
  single,
} from '@depthcast/protocol';
import { Controller, Get, Header, HttpCode, Inject, Logger, Post, Query, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { AtOnce } from '../history/at-once.ts';
import { ExportDesk, type ExportProgress } from '../history/export-desk.ts';
import { HISTORY, type HistorySource } from '../history/history-source.ts';
import { checkNames, cursor, moment, required, time, whole } from '../history/params.ts';
import { PastBooks } from '../history/past-books.ts';
import { sendPieces } from '../history/send-pieces.ts';
import { PARTITIONS } from '../tokens.ts';
import { logPage } from './log-pages.ts';
import { verify } from './verify.ts';

const LOG_ENTRIES = 1_000;
const LOG_ENTRIES_MAX = 5_000;
const LOG_PAGES_AT_ONCE_MAX = 16;
const BOOKS_AT_ONCE_MAX = 2;

/** What gateways and our own tools ask; never shown to clients, for it tells everybody's private events. */
@Controller('internal')
export class InternalController {
  readonly #logPages = new AtOnce('pages of the log', LOG_PAGES_AT_ONCE_MAX);
  readonly #bookPages = new AtOnce('sets of past books', BOOKS_AT_ONCE_MAX);
  readonly #verifications = new AtOnce('verification', 1);
  readonly #logger = new Logger('history');
  readonly #history: HistorySource;
  readonly #books: PastBooks;
  readonly #desk: ExportDesk;
  readonly #partitions: number;

  constructor(
    @Inject(HISTORY) history: HistorySource,
    books: PastBooks,
    desk: ExportDesk,
    @Inject(PARTITIONS) partitions: number,
  ) {
    this.#history = history;
    this.#books = books;
    this.#desk = desk;
    this.#partitions = partitions;
  }

  @Get('log')
  @Header('Content-Type', LOG_LINES_TYPE)
  log(@Query() query: QueryString): Promise<string> {
    checkNames(query, ['partition', 'after', 'count']);
    const count = whole(query, 'count', 1, LOG_ENTRIES_MAX) ?? LOG_ENTRIES;
    const after = cursor(query, 'after');
    return this.#logPages.during(() => logPage(this.#history, this.#partition(query), after, count));
  }

  @Get('timeline')
  async timeline(@Query() query: QueryString) {
    checkNames(query, ['partition']);
    const partition = this.#partition(query);
    const [epochs, partitions] = await Promise.all([this.#history.epochs(partition), this.#history.partitions()]);
    const kept = partitions.find((summary) => summary.partition === partition);
    return {
      epochs: epochs.map(({ epoch, ordinal, previousTail }) => ({
        epoch,
        ordinal,
        previous_tail: previousTail && formatCursor(previousTail),
      })),
      earliest: kept?.earliest ? formatCursor(kept.earliest) : null,
      tail: kept ? formatCursor(kept.position.cursor) : null,
    };
  }

  /** The last event before the first one after a time. */
  @Get('cursor')
  async cursor(@Query() query: QueryString) {
    checkNames(query, ['partition', 'at']);
    required(query, 'at', 'a time');
    const at = time(query, 'at') as number;
    const found = await this.#history.cursorAt(this.#partition(query), at * 1_000);
    if (!found) throw new DepthcastError('HISTORY_MISSING', `${new Date(at).toISOString()} is before what is kept`);
    return { cursor: formatCursor(found) };
  }

  /** A partition's books after an event, as gateways restore them; symbols without one are left out. */
  @Get('books')
  async books(@Query() query: QueryString) {
    checkNames(query, ['partition', 'at', 'symbols']);
    const partition = this.#partition(query);
    required(query, 'at', 'a cursor, or a time');
    const at = await this.#cursorOf(partition, moment(query, 'at', 1) as number | Cursor);
    const names = single(query, 'symbols')?.split(',');
    return this.#bookPages.during(async () => {
      const books: { symbol: string; cursor: string; state: string }[] = [];
      for (const symbol of names ?? (await this.#history.symbols()).map((summary) => summary.symbol)) {
        if (partitionOf(symbol, this.#partitions) !== partition) continue;
        const state = await this.#stateOf(symbol, at);
        // It is as of the moment that was asked for: what came between its last change and that is not of it.
        if (state !== undefined) books.push({ symbol, cursor: formatCursor(at), state });
      }
      return { cursor: formatCursor(at), books };
    });
  }

  /** How far the files are that are being made. */
  @Get('exports')
  exports(@Query() query: QueryString): { readonly exports: readonly ExportProgress[] } {
    checkNames(query, []);
    return { exports: this.#desk.running };
  }

  /** Walks the whole store: lines of JSON that say how far, and at the end the verdict. */
  @Post('verify')
  @HttpCode(200)
  async verify(@Query() query: QueryString, @Res() reply: FastifyReply): Promise<void> {
    checkNames(query, []);
    const end = this.#verifications.take();
    try {
      await sendPieces(reply, 'application/x-ndjson', (signal) => verify(this.#history, signal), end);
    } catch (error) {
      end();
      throw error;
    }
  }

  async #cursorOf(partition: number, at: number | Cursor): Promise<Cursor> {
    if (typeof at === 'object') return at;
    const found = await this.#history.cursorAt(partition, at * 1_000);
    if (!found) throw new DepthcastError('HISTORY_MISSING', `${new Date(at).toISOString()} is before what is kept`);
    return found;
  }

  /** What is wrong with one symbol's book is no reason to give no other's: the next whole one sets it right. */
  async #stateOf(symbol: string, at: Cursor): Promise<string | undefined> {
    try {
      return storedState(await this.#books.asOf(symbol, at));
    } catch (error) {
      if (!(error instanceof DepthcastError)) this.#logger.error((error as Error).message);
      else if (error.code !== 'HISTORY_MISSING') throw error;
      return undefined;
    }
  }

  /** Which one is asked about. @throws DepthcastError `PARAMETER_INVALID` for one that there is not. */
  #partition(query: QueryString): number {
    return whole(query, 'partition', 0, this.#partitions - 1) ?? 0;
  }
}
