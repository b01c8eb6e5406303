import { historyPaths } from './openapi-history.ts';
import { orderPaths } from './openapi-orders.ts';
import { answer, COMPONENT_PARAMETERS, COMPONENT_SCHEMAS, operation, SECURITY_SCHEMES } from './openapi-parts.ts';
import { LOG, type Parameters, STREAM } from './parameters.ts';
import { array, type Json, nullable, object, oneOf, text, whole } from './schemas.ts';

/** The version of what is promised over the wire. */
export const API_VERSION = '1.0.0';
export const ASYNCAPI_PATH = '/docs/asyncapi.json';

const LAST_EVENT_ID: Parameters = {
  'Last-Event-ID': { schema: text(), description: 'the last id received; browsers send it by themselves' },
};
const STREAM_ERRORS = ['PARAMETER_INVALID', 'SYMBOL_UNKNOWN', 'CURSOR_INVALID', 'HISTORY_MISSING'] as const;
const STREAM_TEXT = `What is sent is described in ${ASYNCAPI_PATH}. What may succeed later is a 200 whose last event is an \`error\`, after a \`retry:\`: any other answer would end a browser's EventSource for good.`;

function stream(path: string, summary: string, query: Parameters, isProtected: boolean): Json {
  return {
    get: operation({
      id: path.slice(1).replaceAll('/', '_'),
      tag: 'streams',
      summary: isProtected ? `${summary}, with a token` : summary,
      description: STREAM_TEXT,
      asked: isProtected ? 'everybody, or a ticket' : 'by mode, or a ticket',
      query,
      headers: LAST_EVENT_ID,
      answers: { 200: answer('the stream', text('Server-Sent Events'), 'text/event-stream') },
      errors: query === STREAM ? [...STREAM_ERRORS, 'STREAM_INVALID', 'MBO_UNAVAILABLE'] : STREAM_ERRORS,
    }),
  };
}

const VIEWS = 'Order book views and streams of single event types';
const EVENTS = 'The event log, with exact resume';

const streamPaths: Json = {
  '/stream': stream('/stream', VIEWS, STREAM, false),
  '/api/stream': stream('/api/stream', EVENTS, LOG, false),
  '/protected/stream': stream('/protected/stream', VIEWS, STREAM, true),
  '/protected/api/stream': stream('/protected/api/stream', EVENTS, LOG, true),
  '/api/stream/ticket': {
    post: operation({
      id: 'issue_ticket',
      tag: 'streams',
      summary: 'A one-time ticket for a stream, for a token',
      asked: 'everybody',
      answers: { 200: answer('good once', object({ ticket: text(), expires_in: whole(1) })) },
      errors: ['TOO_MANY_CONNECTIONS', 'OVERLOADED'],
    }),
  },
};

const conditions = {
  type: 'object',
  additionalProperties: object({ ok: { type: 'boolean' }, reason: text() }, ['reason']),
};
const symbolDetails = object(
  {
    symbol: text(),
    venue: text(),
    status: oneOf(['buffering', 'synced', 'gap', 'stale']),
    data_types: array(oneOf(['MBP', 'MBO'])),
    tick: text(),
    step: text(),
    bid_levels: whole(0),
    ask_levels: whole(0),
    order_count: whole(0),
    trading: { type: 'object' },
    sequence: nullable(whole(0)),
    timestamp: nullable(text()),
  },
  ['venue', 'tick', 'step', 'order_count', 'trading'],
);

function info(id: string, summary: string, answers: Readonly<Record<number, Json>>, tag = 'information'): Json {
  return { get: operation({ id, tag, summary, asked: 'nobody', answers }) };
}

const healthBody = (status: string) => object({ status: { const: status }, conditions }, ['conditions']);
const readyBody = (status: string) => object({ status: { const: status }, unready: array(text()), conditions });
const anyObject = { type: 'object' };

const infoPaths: Json = {
  '/': info('root', 'Shows where to begin', { 302: { description: 'to /api' } }),
  '/api': info('describe', 'What there is here, and its limits', { 200: answer('the endpoints', anyObject) }),
  '/symbols': {
    get: operation({
      id: 'list_symbols',
      tag: 'information',
      summary: 'The symbols available here',
      asked: 'by mode',
      answers: { 200: answer('each of them', object({ symbols: array(text()), details: array(symbolDetails) })) },
    }),
  },
  '/docs': info('docs', 'This document, to be read', { 200: answer('a page', text(), 'text/html') }),
  '/docs-json': info('docs_json', 'This document', { 200: answer('OpenAPI 3.1', anyObject) }),
  [ASYNCAPI_PATH]: info('docs_asyncapi', 'Streams and Socket.IO', { 200: answer('AsyncAPI 3', anyObject) }),
  '/health': info(
    'health',
    'Whether this process should be left running',
    { 200: answer('yes', healthBody('ok')), 503: answer('only a restart can help', healthBody('failing')) },
    'operations',
  ),
  '/ready': info(
    'ready',
    'Whether clients should be sent here',
    { 200: answer('yes', readyBody('ready')), 503: answer('not yet, or no more', readyBody('unready')) },
    'operations',
  ),
  '/metrics': info('metrics', 'Prometheus metrics', { 200: answer('all', text(), 'text/plain') }, 'operations'),
};

/** The OpenAPI 3.1 document of everything over HTTP. */
export function openApiDocument(): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Depthcast',
      version: API_VERSION,
      description: `Market data and paper orders. Streams and Socket.IO are in [${ASYNCAPI_PATH}](${ASYNCAPI_PATH}).`,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: ['streams', 'orders', 'history', 'information', 'operations'].map((name) => ({ name })),
    paths: { ...streamPaths, ...orderPaths, ...historyPaths(), ...infoPaths },
    components: {
      schemas: COMPONENT_SCHEMAS,
      parameters: COMPONENT_PARAMETERS,
      securitySchemes: SECURITY_SCHEMES,
    },
  };
}
