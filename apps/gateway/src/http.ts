import type { AppOptions } from '@depthcast/ops';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { BODY_BYTES_MAX } from './commands/order-body.ts';
import { answerBadUrl } from './transports/error-answer.ts';

const SOCKET_BUFFER_BYTES = 1 << 20;
/** As long as Node lets a whole request line be: what is too long for an id is refused as an id. */
const PATH_PART_CHARS_MAX = 16 << 10;

/**
 * A write below the high water mark leaves Node nothing to remember; beyond it every write schedules a drain event.
 * We look at `writableLength` ourselves, so the mark is put where no batch reaches it.
 */
export const SERVER_OPTIONS: NonNullable<AppOptions['http']> = {
  bodyLimit: BODY_BYTES_MAX,
  routerOptions: { maxParamLength: PATH_PART_CHARS_MAX },
  frameworkErrors: (_error, request, reply) => answerBadUrl(request as FastifyRequest, reply as FastifyReply),
  http: { highWaterMark: SOCKET_BUFFER_BYTES },
};

/** Everything that is done to the app before it listens. */
export function configureHttp(app: NestFastifyApplication, config: { readonly CORS_ORIGIN: readonly string[] }): void {
  useCors(app, config.CORS_ORIGIN);
  // As it came: a parsed body has lost the digits of its numbers.
  app.useBodyParser('application/json', {}, (_request, body, done) => done(null, body));
}

/**
 * For everything but the streams, and for their preflights: a long Last-Event-ID triggers one. Every origin may read,
 * but only one that is named may place orders: else any page that somebody opens could. A POST needs no word of ours
 * to be sent, but its Content-Type does; what is sent all the same {@link checkOrigin} refuses.
 */
function useCors(app: NestFastifyApplication, origins: readonly string[]): void {
  const isAll = origins.includes('*');
  app.enableCors({
    origin: isAll ? '*' : [...origins],
    methods: ['GET', 'HEAD', 'OPTIONS', ...(isAll ? [] : ['POST', 'DELETE'])],
    allowedHeaders: ['Last-Event-ID', 'Cache-Control', 'Authorization', ...(isAll ? [] : ['Content-Type'])],
    exposedHeaders: ['Retry-After'],
    maxAge: 86_400,
  });
}
