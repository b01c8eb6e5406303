import {
  EVENT_TYPES,
  type EventType,
  eventSchemas,
  type LogStreamEvents,
  logStreamEvents,
  logStreamTypes,
} from '@depthcast/protocol';
import { socketEventOf } from '../fanout/packets.ts';
import { controlSchemas, errorSchema, socketSchemas } from './control-frames.ts';
import { API_VERSION } from './openapi.ts';
import { LOG, type Parameters, STREAM } from './parameters.ts';
import { type Json, jsonSchemaOf, object, text } from './schemas.ts';
import { SOCKET_OPERATIONS, socketRequests } from './socket-requests.ts';
import { CONTROL_SUMMARIES, EVENT_SUMMARIES, SOCKET_SUMMARIES } from './summaries.ts';

/** Of the log's events those that a single stream of a symbol can give, on `/stream` and on Socket.IO. */
const STREAMED: readonly EventType[] = [
  ...new Set(logStreamTypes.flatMap((type) => (logStreamEvents[type] as LogStreamEvents).types)),
];
/** What may come between the events of `/api/stream`, and of `/stream`, and of Socket.IO. */
const LOG_CONTROLS = ['connection_info', 'reset', 'replay', 'refusal'] as const;
const STREAM_CONTROLS = ['connection_info', 'market_data', 'heartbeat', 'reset', 'replay', 'refusal'] as const;
const SOCKET_CONTROLS = ['market_data', 'reset', 'refusal'] as const;

/** As `error` of a client that was refused, beside the log's own `error`. */
const REFUSAL = 'refusal';
const ref = (path: string): Json => ({ $ref: `#/${path}` });
const schemaRef = (name: string) => ref(`components/schemas/${name}`);

const CURSOR = { cursor: text('what to come back with, as lastId') };
const SOCKET_CURSOR = object({ ...CURSOR, prev_cursor: text('with chain: true, that of the message before') }, [
  'cursor',
  'prev_cursor',
]);
const SSE_FRAME = object(
  {
    id: text('the cursor: what to come back with, as Last-Event-ID or last_id'),
    prev: text('with chain=1, the id of the event before in this subscription'),
  },
  ['prev'],
);

function schemas(): Json {
  const all = { ...eventSchemas, ...controlSchemas, ...socketSchemas, [REFUSAL]: errorSchema };
  return {
    ...Object.fromEntries(Object.entries(all).map(([name, schema]) => [name, jsonSchemaOf(schema, 'draft-7')])),
    socket_cursor: SOCKET_CURSOR,
    sse_frame: SSE_FRAME,
  };
}

/** Messages by their key in the document; one event name may stand for two of them. */
function messages(): Record<string, Json> {
  const all: Record<string, Json> = {};
  for (const type of EVENT_TYPES) {
    all[type] = {
      name: type,
      summary: EVENT_SUMMARIES[type],
      payload: schemaRef(type),
      headers: schemaRef('sse_frame'),
    };
    if (!STREAMED.includes(type)) continue;
    const payload = { allOf: [schemaRef(type), schemaRef('socket_cursor')] };
    all[`socket_${type}`] = { name: socketEventOf(type), summary: EVENT_SUMMARIES[type], payload };
  }
  for (const [name, summary] of Object.entries({ ...CONTROL_SUMMARIES, ...SOCKET_SUMMARIES })) {
    all[name] = { name, summary, payload: schemaRef(name) };
  }
  all[REFUSAL] = { name: 'error', summary: 'What cannot be given, and why', payload: schemaRef(REFUSAL) };
  return { ...all, ...socketRequests() };
}

const SSE_CHANNELS: readonly {
  readonly key: string;
  readonly address: string;
  readonly query: Parameters;
  readonly messages: readonly string[];
}[] = [
  { key: 'events', address: '/api/stream', query: LOG, messages: [...EVENT_TYPES, ...LOG_CONTROLS] },
  { key: 'views', address: '/stream', query: STREAM, messages: [...STREAMED, ...STREAM_CONTROLS] },
  { key: 'ownEvents', address: '/protected/api/stream', query: LOG, messages: [...EVENT_TYPES, ...LOG_CONTROLS] },
  { key: 'ownViews', address: '/protected/stream', query: STREAM, messages: [...STREAMED, ...STREAM_CONTROLS] },
];

const SOCKET_SENT = [...STREAMED.map((type) => `socket_${type}`), ...SOCKET_CONTROLS, ...Object.keys(SOCKET_SUMMARIES)];

function channel(address: string, server: string, names: readonly string[]): Json {
  return {
    address,
    servers: [ref(`servers/${server}`)],
    messages: Object.fromEntries(names.map((name) => [name, ref(`components/messages/${name}`)])),
  };
}

function sending(key: string, names: readonly string[]): Json {
  return {
    action: 'send',
    channel: ref(`channels/${key}`),
    messages: names.map((name) => ref(`channels/${key}/messages/${name}`)),
  };
}

function querySchema(parameters: Parameters): Json {
  const entries = Object.entries(parameters);
  return {
    type: 'object',
    properties: Object.fromEntries(
      entries.map(([name, { schema, description }]) => [name, { ...schema, description }]),
    ),
  };
}

/** The AsyncAPI 3 document of what is streamed: over SSE, and over Socket.IO. */
export function asyncApiDocument(): Json {
  const requests = Object.keys(socketRequests());
  const sseOperations = SSE_CHANNELS.map(({ key, query, messages: names }) => {
    const binding = { method: 'GET', query: querySchema(query), bindingVersion: '0.3.0' };
    return [`send_${key}`, { ...sending(key, names), bindings: { http: binding } }];
  });
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'Depthcast streams',
      version: API_VERSION,
      description:
        'Over SSE a message is a frame: its name is `event:`, its payload `data:`, its headers the other lines. Over Socket.IO it is an event of one argument. Clients of Socket.IO say who they are and where they left off in the `auth` of the connection: the message `handshake`.',
      license: { name: 'MIT' },
    },
    defaultContentType: 'application/json',
    servers: {
      sse: { host: '127.0.0.1:8081', protocol: 'http', description: 'Server-Sent Events' },
      socketio: {
        host: '127.0.0.1:8081',
        pathname: '/socket.io/',
        protocol: 'socket.io',
        protocolVersion: '5',
        description: 'Socket.IO 4, WebSocket or long polling',
      },
    },
    channels: {
      ...Object.fromEntries(
        SSE_CHANNELS.map(({ key, address, messages: names }) => [key, channel(address, 'sse', names)]),
      ),
      socket: channel('/', 'socketio', [...SOCKET_SENT, ...requests]),
    },
    operations: {
      ...Object.fromEntries(sseOperations),
      send_socket: sending('socket', SOCKET_SENT),
      ...SOCKET_OPERATIONS,
    },
    components: { schemas: schemas(), messages: messages() },
  };
}
