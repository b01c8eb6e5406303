import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';

/** Answered, and taken over from the request: one id through proxies, gateways and the journal. */
export const REQUEST_ID_HEADER = 'x-request-id';
/** Anything else could forge a line of somebody's log, and is not taken over. */
const REQUEST_ID = /^[\w.:/+=@-]{1,128}$/;
const PATH_CHARS_MAX = 200;
const REFUSED = 400;

/** The id that a request came with, or a new one. */
export function requestIdOf(request: Pick<IncomingMessage, 'headers'>): string {
  const given = request.headers[REQUEST_ID_HEADER];
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
}

/**
 * Answers every request with its id, and writes one line of it once its response is over, which of a stream is when its
 * client has gone: refusals at `info`, all others at `debug`. Of a URL it writes the path alone: queries hold tickets.
 */
export function logRequests(fastify: FastifyInstance, logger: Logger): void {
  fastify.addHook('onRequest', async (request, reply) => {
    // On the response itself: streams take it out of Fastify's hands, which drops the headers that Fastify holds.
    reply.raw.setHeader(REQUEST_ID_HEADER, request.id);
    const startedMs = performance.now();
    reply.raw.once('close', () => {
      // A client that has left before its answer has not been given one.
      const status = reply.raw.headersSent ? reply.raw.statusCode : undefined;
      const level = (status ?? 0) >= REFUSED ? 'info' : 'debug';
      if (!logger.isLevelEnabled(level)) return;
      const ms = Math.round((performance.now() - startedMs) * 10) / 10;
      logger[level]({ requestId: request.id, method: request.method, path: pathOf(request), status, ms }, 'request');
    });
  });
}

function pathOf({ url }: FastifyRequest): string {
  const [path = ''] = url.split('?', 1);
  return path.slice(0, PATH_CHARS_MAX);
}
