import { DepthcastError, ERRORS, type ErrorCode, type ErrorRow, EVENT_TYPES, eventSchemas } from '@depthcast/protocol';
import { errorSchema } from './control-frames.ts';
import type { Parameters } from './parameters.ts';
import { array, type Json, jsonSchemaOf, text } from './schemas.ts';

const JSON_TYPE = 'application/json';

/** What any request can be answered. */
const ALWAYS = ['HEADERS_TOO_LARGE', 'REQUEST_MALFORMED'] as const satisfies readonly ErrorCode[];
/** What those can be answered that speak for somebody, or where AUTH_MODE=required asks everybody. */
const AUTH = [
  'TOKEN_MISSING',
  'TOKEN_INVALID',
  'TOKEN_EXPIRED',
  'TOKEN_REVOKED',
  'FORBIDDEN',
  'AUTH_UNAVAILABLE',
] as const satisfies readonly ErrorCode[];

/** Who is asked for a token. */
export type Asked = 'nobody' | 'by mode' | 'everybody' | 'by mode, or a ticket' | 'everybody, or a ticket';

export interface Operation {
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  readonly asked: Asked;
  readonly query?: Parameters;
  readonly path?: Parameters;
  readonly headers?: Parameters;
  readonly body?: Json;
  /** By status. */
  readonly answers: Readonly<Record<number, Json>>;
  readonly errors?: readonly ErrorCode[];
}

/** The schemas that others refer to by name: every event of the log, and the one shape of errors. */
export const COMPONENT_SCHEMAS: Json = {
  ...Object.fromEntries(EVENT_TYPES.map((type) => [type, jsonSchemaOf(eventSchemas[type], 'draft-2020-12')])),
  // The log has an event of that name.
  Error: jsonSchemaOf(errorSchema, 'draft-2020-12'),
};

export function schemaRef(name: string): Json {
  return { $ref: `#/components/schemas/${name}` };
}

export function answer(description: string, schema: Json, type = JSON_TYPE): Json {
  return { description, content: { [type]: { schema } } };
}

export function operation(of: Operation): Json {
  const errors = [...(of.errors ?? []), ...ALWAYS, ...(of.asked === 'nobody' ? [] : AUTH)];
  const withTicket = of.asked.endsWith('a ticket');
  return {
    operationId: of.id,
    tags: [of.tag],
    summary: of.summary,
    ...(of.description === undefined ? {} : { description: of.description }),
    security: securityOf(of.asked),
    parameters: [
      ...parametersIn('path', of.path ?? {}),
      ...parametersIn('query', of.query ?? {}),
      ...parametersIn('header', of.headers ?? {}),
      { $ref: '#/components/parameters/RequestId' },
    ],
    ...(of.body === undefined
      ? {}
      : { requestBody: { required: true, content: { [JSON_TYPE]: { schema: of.body } } } }),
    responses: merged(of.answers, refusals(withTicket ? [...errors, 'TICKET_INVALID'] : errors)),
  };
}

export const COMPONENT_PARAMETERS: Json = {
  RequestId: {
    name: 'X-Request-Id',
    in: 'header',
    description: 'up to 128 characters: answered, and in every log line of this request; made here without it',
    schema: text(),
  },
};

export const SECURITY_SCHEMES: Json = {
  token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'see docs/SECURITY.md' },
  ticket: { type: 'apiKey', in: 'query', name: 'ticket', description: 'of POST /api/stream/ticket, good once' },
};

function securityOf(asked: Asked): Json[] {
  const ways = asked.endsWith('a ticket') ? [{ token: [] }, { ticket: [] }] : [{ token: [] }];
  if (asked === 'nobody') return [];
  return asked.startsWith('by mode') ? [{}, ...ways] : ways;
}

function parametersIn(place: 'path' | 'query' | 'header', parameters: Parameters): Json[] {
  return (
    Object.entries(parameters)
      // The ticket is a way of showing who one is.
      .filter(([name]) => name !== 'ticket')
      .map(([name, { schema, description, required }]) => ({
        name,
        in: place,
        description,
        schema,
        ...(required || place === 'path' ? { required: true } : {}),
      }))
  );
}

/** One answer a status, with the errors that it may be. */
function refusals(codes: readonly ErrorCode[]): Record<string, Json> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of new Set(codes)) {
    const { status } = new DepthcastError(code, '');
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries([...byStatus].map(([status, those]) => [String(status), refusal(status, those)]));
}

function refusal(status: number, codes: readonly ErrorCode[]): Json {
  const meanings = codes.map((code) => `- \`${code}\`: ${(ERRORS[code] as ErrorRow).meaning}`);
  const schema = { allOf: [schemaRef('Error'), { properties: { error: { enum: codes } } }] };
  const header = { 401: 'WWW-Authenticate', 503: 'Retry-After' }[status];
  return {
    ...answer(meanings.join('\n'), schema),
    ...(header === undefined ? {} : { headers: { [header]: { schema: text() } } }),
  };
}

/** Where an answer and an error share a status, either may come. */
function merged(answers: Readonly<Record<number, Json>>, errors: Record<string, Json>): Json {
  const all: Record<string, Json> = { ...errors };
  for (const [status, given] of Object.entries(answers)) {
    const error = errors[status];
    all[status] = error ? { ...given, ...eitherOf(given, error) } : given;
  }
  return all;
}

function eitherOf(given: Json, error: Json): Json {
  const schemaIn = (one: Json) => ((one.content as Json)[JSON_TYPE] as { schema: Json }).schema;
  return answer(`${given.description}\n\n${error.description}`, { anyOf: [schemaIn(given), schemaIn(error)] });
}

export function listOf(name: string, items: Json): Json {
  return { type: 'object', properties: { [name]: array(items) }, required: [name] };
}
