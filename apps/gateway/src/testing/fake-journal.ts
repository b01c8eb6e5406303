import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LOG_LINES_TYPE, logLine } from '@depthcast/log';
import { type Cursor, DepthcastError, formatCursor, parseCursor } from '@depthcast/protocol';
import type { JournalSource } from '../resume/journal-source.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** The journal's HTTP as the gateway needs it, over a journal in memory. */
export class FakeJournal {
  static readonly #running = new Set<FakeJournal>();
  readonly url: string;
  readonly port: number;
  /** Every request, `GET /path?query`. */
  readonly requests: string[] = [];
  /** What it wants to be shown. */
  token: string | undefined;
  /** What public paths answer. */
  onHistory: Answer = (request, response) => json(response, 200, { url: request.url, headers: request.headers });
  readonly #server: Server;

  private constructor(server: Server, source: JournalSource) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    this.url = `http://127.0.0.1:${this.port}`;
    FakeJournal.#running.add(this);
    server.on('request', (request, response) => {
      this.requests.push(`${request.method} ${request.url}`);
      const { authorization } = request.headers;
      if (authorization !== (this.token && `Bearer ${this.token}`))
        return json(response, 401, { error: 'TOKEN_INVALID' });
      const { pathname, searchParams } = new URL(request.url ?? '', this.url);
      if (!pathname.startsWith('/internal/')) return this.onHistory(request, response);
      answer(source, pathname, searchParams, response).catch((error) => refuse(response, error));
    });
  }

  static async start(source: JournalSource, port = 0): Promise<FakeJournal> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return new FakeJournal(server, source);
  }

  async stop(): Promise<void> {
    if (!FakeJournal.#running.delete(this)) return;
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  static async stopAll(): Promise<void> {
    for (const journal of FakeJournal.#running) await journal.stop();
  }
}

async function answer(source: JournalSource, path: string, query: URLSearchParams, response: ServerResponse) {
  if (query.get('partition') !== '0') return json(response, 400, { error: 'PARAMETER_INVALID', message: 'partition' });
  if (path === '/internal/log') {
    const after = query.get('after');
    const slices = await source.page(after === null ? undefined : parseCursor(after), Number(query.get('count')));
    const entries = [...slices].flat();
    response.writeHead(200, { 'content-type': LOG_LINES_TYPE });
    response.end(entries.map((it) => logLine(it.epoch, it.offset, it.topic, it.payload.toString())).join(''));
  } else if (path === '/internal/timeline') {
    const { epochs, earliest, tail } = await source.timeline();
    const rows = epochs.map(({ epoch, ordinal, previousTail }) => ({
      epoch,
      ordinal,
      previous_tail: text(previousTail),
    }));
    json(response, 200, { epochs: rows, earliest: text(earliest), tail: text(tail) });
  } else if (path === '/internal/cursor') {
    json(response, 200, { cursor: text(await source.cursorAt(Number(query.get('at')))) });
  } else if (path === '/internal/books') {
    const books = await source.books(parseCursor(query.get('at') ?? ''), (query.get('symbols') ?? '').split(','));
    json(response, 200, { books: books.map(({ symbol, cursor, state }) => ({ symbol, cursor: text(cursor), state })) });
  } else json(response, 404, { error: 'NOT_FOUND' });
}

function refuse(response: ServerResponse, error: unknown): void {
  if (!(error instanceof DepthcastError)) throw error;
  const { status, code, message } = error;
  json(response, status, { event: 'error', code: status, error: code, message });
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function text(cursor: Cursor | undefined): string | null {
  return cursor ? formatCursor(cursor) : null;
}
