import type { IncomingHttpHeaders } from 'node:http';
import { REQUEST_ID_HEADER } from '@depthcast/ops';
import { DepthcastError } from '@depthcast/protocol';
import replyFrom from '@fastify/reply-from';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply } from 'fastify';
import { hostOf } from '../transports/cors.ts';
import { refuse } from '../transports/error-answer.ts';

/** What of a request concerns the journal. Whom it speaks for has been found out here. */
const REQUEST_HEADERS = ['accept', 'accept-encoding', 'if-none-match', 'if-modified-since'] as const;
/** Of the connection to the journal and not of the answer, or ours to say. */
const HOP_BY_HOP = ['connection', 'keep-alive', 'proxy-authenticate', 'te', 'trailer', 'transfer-encoding', 'upgrade'];
const CORS_HEADER = /^access-control-/;
const CONNECTIONS_MAX = 32;
const CONNECT_MS_MAX = 2_000;
/** Until the answer begins, and between two parts of it. */
const ANSWER_MS_MAX = 30_000;
/** A Parquet file of a long range is made before its first byte. */
const EXPORT_MS_MAX = 600_000;

/** Lets replies be taken `from` the journal. Without a URL nothing is. */
export function useHistoryProxy(app: NestFastifyApplication, url: string | undefined): void {
  if (url === undefined) return;
  void app.register(replyFrom as unknown as Parameters<typeof app.register>[0], {
    base: new URL(url).origin,
    disableRequestLogging: true,
    destroyAgent: true,
    undici: {
      connections: CONNECTIONS_MAX,
      connect: { timeout: CONNECT_MS_MAX },
      headersTimeout: ANSWER_MS_MAX,
      bodyTimeout: ANSWER_MS_MAX,
    },
  });
}

/**
 * Answers with what the journal answers to the same path, as it comes. A client that leaves ends the journal's answer;
 * a journal that does not begin one is `HISTORY_UNAVAILABLE`.
 *
 * @param query without its question mark.
 * @param token what the journal wants to be shown.
 */
export function answerFromJournal(reply: FastifyReply, path: string, query: string, token?: string): void {
  const shown = token === undefined ? {} : { authorization: `Bearer ${token}` };
  reply.from(path, {
    // As it is: a function's answer is taken for text, and an empty one for no query at all.
    queryString: () => query,
    timeout: path.endsWith('/export') ? EXPORT_MS_MAX : ANSWER_MS_MAX,
    retryDelay: () => null,
    rewriteRequestHeaders: ({ id }, headers) => ({
      ...pick(headers as IncomingHttpHeaders),
      ...shown,
      [REQUEST_ID_HEADER]: id,
    }),
    rewriteHeaders: (headers) => strip(headers as IncomingHttpHeaders, reply),
    onError: (_reply, { error }) => {
      const cause = (error as Error & { cause?: Error }).cause ?? error;
      refuse(reply, new DepthcastError('HISTORY_UNAVAILABLE', `the journal does not answer: ${reasonOf(cause)}`));
    },
  });
}

function pick(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const names = REQUEST_HEADERS.filter((name) => headers[name] !== undefined);
  return { host: hostOf(headers), ...Object.fromEntries(names.map((name) => [name, headers[name]])) };
}

/** Without what is said here already: CORS above all, which is this gateway's to decide. */
function strip(headers: IncomingHttpHeaders, reply: FastifyReply): IncomingHttpHeaders {
  const named = String(headers.connection ?? '')
    .toLowerCase()
    .split(',');
  const dropped = new Set([...HOP_BY_HOP, ...named.map((name) => name.trim())]);
  const kept = Object.entries(headers).filter(([name]) => !dropped.has(name) && !CORS_HEADER.test(name));
  const answer: IncomingHttpHeaders = Object.fromEntries(kept);
  const vary = [reply.getHeader('vary'), answer.vary].filter((value) => value !== undefined);
  return vary.length > 0 ? { ...answer, vary: vary.join(', ') } : answer;
}

function reasonOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.message;
}
