import type { Context, Span } from '@opentelemetry/api';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Tracing } from './tracing.ts';

/** What watches the app itself would be most of what is seen. */
const UNTRACED = new Set(['/health', '/ready', '/metrics']);
const PATH_CHARS_MAX = 200;
const EVENT_STREAM = 'text/event-stream';
const SERVER_ERROR = 500;

interface RequestTrace {
  readonly tracing: Tracing;
  readonly context: Context;
}

const traces = new WeakMap<object, RequestTrace>();

/**
 * A span for each HTTP request, of the trace that its `traceparent` names. It ends with the response; that of an event
 * stream, which may stay open for days, once it is open. Nothing of a query goes in: tickets and cursors stand there.
 */
export function traceRequests(fastify: FastifyInstance, tracing: Tracing): void {
  const { api, tracer } = tracing;
  fastify.addHook('onRequest', async (request, reply) => {
    const { method, protocol } = request;
    const route = request.routeOptions.url;
    if (route !== undefined && UNTRACED.has(route)) return;
    const parent = tracing.contextOf(request.headers);
    const span = tracer.startSpan(
      route === undefined ? method : `${method} ${route}`,
      {
        kind: api.SpanKind.SERVER,
        attributes: {
          'http.request.method': method,
          'url.scheme': protocol,
          'url.path': pathOf(request),
          'network.protocol.version': request.raw.httpVersion,
          'depthcast.request_id': request.id,
          ...(route === undefined ? {} : { 'http.route': route }),
        },
      },
      parent,
    );
    traces.set(request, { tracing, context: api.trace.setSpan(parent, span) });
    const { raw } = reply;
    const end = (): void => {
      // A client that has left before its answer has not been given one.
      if (raw.headersSent) endWith(span, raw.statusCode, api.SpanStatusCode.ERROR);
      else span.end();
    };
    raw.once('close', end);
    // A stream takes its response out of Fastify's hands: that its head has gone can be seen here alone.
    const writeHead = raw.writeHead.bind(raw) as (...head: unknown[]) => typeof raw;
    raw.writeHead = (...head: unknown[]) => {
      writeHead(...head);
      if (String(raw.getHeader('content-type')).startsWith(EVENT_STREAM)) {
        raw.off('close', end);
        endWith(span, raw.statusCode, api.SpanStatusCode.ERROR);
      }
      return raw;
    };
  });
  fastify.addHook('onClose', () => tracing.stop());
}

/**
 * A part of what a request asks for as a span of its own, below the request's. Where nothing is traced it is the work
 * and nothing else.
 */
export async function traced<T>(request: object, name: string, work: () => T | Promise<T>): Promise<T> {
  const trace = traces.get(request);
  if (!trace) return work();
  const { tracing, context } = trace;
  const span = tracing.tracer.startSpan(name, {}, context);
  try {
    return await work();
  } catch (error) {
    const { code, name: kind } = error as Error & { readonly code?: string };
    // Its message may quote what the client sent.
    span.setAttribute('error.type', code ?? kind);
    span.setStatus({ code: tracing.api.SpanStatusCode.ERROR });
    throw error;
  } finally {
    span.end();
  }
}

function endWith(span: Span, status: number, error: import('@opentelemetry/api').SpanStatusCode): void {
  span.setAttribute('http.response.status_code', status);
  if (status >= SERVER_ERROR) {
    span.setAttribute('error.type', String(status));
    span.setStatus({ code: error });
  }
  span.end();
}

function pathOf({ url }: FastifyRequest): string {
  const [path = ''] = url.split('?', 1);
  return path.slice(0, PATH_CHARS_MAX);
}
