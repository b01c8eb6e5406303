import type { AppOptions } from '@depthcast/ops';
import helmet, { type FastifyHelmetOptions } from '@fastify/helmet';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AUTHENTICATOR, type Authenticator } from './auth/identity.ts';
import { useAuthentication } from './auth/request-identity.ts';
import { BODY_BYTES_MAX } from './commands/order-body.ts';
import { useDocs } from './docs/use-docs.ts';
import { useHistoryProxy } from './history/history-proxy.ts';
import { readTlsPair, type TlsFiles } from './tls.ts';
import { answerClientError, HEADER_BYTES_MAX } from './transports/client-error.ts';
import { answerBadUrl } from './transports/error-answer.ts';

const SOCKET_BUFFER_BYTES = 1 << 20;
/** As long as Node lets a whole request line be: what is too long for an id is refused as an id. */
const PATH_PART_CHARS_MAX = 16 << 10;
/** Requests at once of one connection of HTTP/2: streams most of all. What is more than that waits in the client. */
const HTTP2_STREAMS_MAX = 100;

/**
 * A write below the high water mark leaves Node nothing to remember; beyond it every write schedules a drain event.
 * We look at `writableLength` ourselves, so the mark is put where no batch reaches it.
 *
 * @throws DepthcastError `CONFIG_INVALID` naming a file of TLS that is wrong.
 */
export function serverOptions(config: {
  readonly TRUST_PROXY?: readonly string[] | undefined;
  readonly TLS?: TlsFiles | undefined;
}): NonNullable<AppOptions['http']> {
  const sockets = { highWaterMark: SOCKET_BUFFER_BYTES, maxHeaderSize: HEADER_BYTES_MAX };
  return {
    bodyLimit: BODY_BYTES_MAX,
    trustProxy: config.TRUST_PROXY ? [...config.TRUST_PROXY] : false,
    routerOptions: { maxParamLength: PATH_PART_CHARS_MAX },
    frameworkErrors: (_error, request, reply) => answerBadUrl(request as FastifyRequest, reply as FastifyReply),
    clientErrorHandler: answerClientError,
    http: sockets,
    ...(config.TLS ? { http2: true, https: { ...sockets, ...HTTP2, ...readTlsPair(config.TLS) } } : {}),
  };
}

/** HTTP/2 for clients that offer it while TLS is set up, HTTP/1.1 for all others, WebSockets above all. */
const HTTP2 = {
  allowHTTP1: true,
  noDelay: true,
  settings: { maxConcurrentStreams: HTTP2_STREAMS_MAX, maxHeaderListSize: HEADER_BYTES_MAX },
} as const;

/**
 * Pages of other origins are meant to read what is here; what they may do CORS_ORIGIN says. No HSTS: it would be of the
 * host's other ports as well, and is for who stands before all of them to say.
 */
const HELMET: FastifyHelmetOptions = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      // The page of /docs has styles and scripts of its own.
      defaultSrc: (helmet as unknown as typeof helmet.default).contentSecurityPolicy.dangerouslyDisableDefaultSrc,
      frameAncestors: ["'none'"],
    },
  },
  crossOriginResourcePolicy: { policy: 'cross-origin' },
  // For browsers that do not know frame-ancestors.
  xFrameOptions: { action: 'deny' },
  crossOriginOpenerPolicy: false,
  strictTransportSecurity: false,
};

/** Everything that is done to the app before it listens. */
export function configureHttp(
  app: NestFastifyApplication,
  config: { readonly CORS_ORIGIN: readonly string[]; readonly JOURNAL_HTTP_URL?: string | undefined },
): void {
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  void app.register(helmet as unknown as Parameters<typeof app.register>[0], HELMET);
  useCors(app, config.CORS_ORIGIN);
  useHistoryProxy(app, config.JOURNAL_HTTP_URL);
  useDocs(app);
  useAuthentication(fastify, app.get<Authenticator>(AUTHENTICATOR));
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
    exposedHeaders: ['Retry-After', 'WWW-Authenticate', 'X-Request-Id'],
    maxAge: 86_400,
  });
}
