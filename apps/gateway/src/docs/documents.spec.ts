import { createRequire } from 'node:module';
import { createLogger, startApp } from '@depthcast/ops';
import { ERRORS, EVENT_TYPES, eventSchemas } from '@depthcast/protocol';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Validator } from '@seriousme/openapi-schema-validator';
import Ajv from 'ajv';
import type { FastifyInstance } from 'fastify';
import { ORDER_PARAMETERS } from '../commands/order-params.ts';
import { readConfig } from '../config.ts';
import { socketEventOf } from '../fanout/packets.ts';
import { GatewayModule } from '../gateway.module.ts';
import { configureHttp, serverOptions } from '../http.ts';
import { REPLAY_PARAMETERS } from '../replay/replay-params.ts';
import { LOG_PARAMETERS } from '../transports/log-params.ts';
import { STREAM_PARAMETERS } from '../transports/stream-params.ts';
import { asyncApiDocument } from './asyncapi.ts';
import { openApiDocument } from './openapi.ts';
import { LOG, ORDERS, STREAM } from './parameters.ts';
import type { Json } from './schemas.ts';

interface OpenApi {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly responses: Readonly<Record<string, Json>> }>>>
  >;
}

interface AsyncApi {
  readonly channels: Readonly<Record<string, { readonly messages: Readonly<Record<string, { $ref: string }>> }>>;
  readonly components: {
    readonly messages: Readonly<Record<string, { readonly name: string; readonly payload: Json }>>;
    readonly schemas: Readonly<Record<string, Json>>;
  };
}

const openApi = JSON.parse(JSON.stringify(openApiDocument())) as OpenApi;
const asyncApi = JSON.parse(JSON.stringify(asyncApiDocument())) as AsyncApi;
/** What the page of /docs loads for itself. */
const OF_THE_PAGE = /^\/docs\/(?!asyncapi\.json$)/;

describe('the documents of a gateway', () => {
  /** `GET /symbols`, as they are registered. */
  const routes = new Set<string>();
  let app: NestFastifyApplication;
  const get = (path: string) => app.inject({ method: 'GET', url: path });

  beforeAll(async () => {
    // Without a Redis, and where everybody is asked for a token.
    const env = { ADDR: '127.0.0.1:0', REDIS_URL: 'redis://127.0.0.1:1', LOG_LEVEL: 'silent', AUTH_MODE: 'required' };
    const config = readConfig([], { ...env, AUTH_JWT_SECRET: 'x'.repeat(32) });
    if (!config) throw new Error('no configuration');
    const logger = createLogger('gateway', 'silent');
    app = await startApp({
      name: 'gateway',
      module: GatewayModule.forRoot(config, logger),
      addr: config.ADDR,
      logger,
      http: serverOptions(config),
      configure: (it) => {
        const fastify = it.getHttpAdapter().getInstance() as unknown as FastifyInstance;
        fastify.addHook('onRoute', ({ method, path }) => {
          for (const one of [method].flat()) routes.add(`${one} ${path.replace(/:(\w+)/g, '{$1}')}`);
        });
        configureHttp(it, config);
      },
    });
  });

  afterAll(() => app.close());

  it('are valid OpenAPI 3.1 for REST', async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(openApi as never);
    expect({ valid, errors }).toEqual({ valid: true, errors: undefined });
    expect(validator.version).toBe('3.1');
  });

  it('have every route of the app, and no other', () => {
    const documented = Object.entries(openApi.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const registered = [...routes].filter((route) => {
      const [method = '', path = ''] = route.split(' ');
      return !['HEAD', 'OPTIONS'].includes(method) && !OF_THE_PAGE.test(path);
    });
    expect(registered.length).toBeGreaterThan(25);
    expect(documented.sort()).toEqual(registered.sort());
  });

  it('have the parameters that are read', () => {
    expect(Object.keys(LOG).sort()).toEqual([...LOG_PARAMETERS, ...REPLAY_PARAMETERS].sort());
    expect(Object.keys(STREAM).sort()).toEqual([...STREAM_PARAMETERS, ...REPLAY_PARAMETERS].sort());
    const ofOrders = new Set(Object.values(ORDERS).flatMap((parameters) => Object.keys(parameters)));
    expect([...ofOrders].sort()).toEqual([...ORDER_PARAMETERS].sort());
  });

  it('have every error that a client of HTTP can be answered, under its status', () => {
    const documented = new Set<string>();
    for (const operations of Object.values(openApi.paths)) {
      for (const { responses } of Object.values(operations)) {
        for (const [status, response] of Object.entries(responses)) {
          for (const [, code = ''] of JSON.stringify(response).matchAll(/`([A-Z_]{6,})`:/g)) {
            expect([code, (ERRORS as Record<string, { status?: number }>)[code]?.status]).toEqual([
              code,
              Number(status),
            ]);
            documented.add(code);
          }
        }
      }
    }
    // Said on a connection that is open, as an event.
    const asEvents = ['EVENT_UNKNOWN', 'EVENT_RATE_EXCEEDED', 'SESSION_TOO_SLOW'];
    const missing = Object.entries(ERRORS)
      .filter(([code, row]) => 'status' in row && !documented.has(code) && !asEvents.includes(code))
      .map(([code]) => code);
    expect(missing).toEqual([]);
  });

  it('are valid AsyncAPI 3 for streams, of which every reference leads somewhere', () => {
    const schema = createRequire(import.meta.url)('@asyncapi/specs/schemas/3.0.0-without-$id.json') as Json;
    const ajv = new Ajv.default({ strict: false, allErrors: true, validateFormats: false });
    const isValid = ajv.compile(schema);
    expect([isValid(asyncApi), isValid.errors]).toEqual([true, null]);
    for (const [, ref = ''] of JSON.stringify(asyncApi).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      const found = ref.split('/').reduce<unknown>((at, name) => (at as Json | undefined)?.[name], asyncApi);
      expect([ref, found !== undefined]).toEqual([ref, true]);
    }
  });

  it('have every event of the log in /api/stream, under its own name and schema', () => {
    const { channels, components } = asyncApi;
    for (const channel of ['events', 'ownEvents']) {
      const keys = Object.keys(channels[channel]?.messages ?? {});
      expect(keys).toEqual(expect.arrayContaining(EVENT_TYPES));
    }
    for (const type of EVENT_TYPES) {
      expect([components.messages[type]?.name, components.messages[type]?.payload]).toEqual([
        type,
        { $ref: `#/components/schemas/${type}` },
      ]);
      const { properties } = components.schemas[type] as { properties: Record<string, Json> };
      expect(Object.keys(properties).sort()).toEqual(Object.keys(eventSchemas[type].shape).sort());
      for (const name of ['ts_ns', 'last_ts_ns'].filter((name) => name in properties)) {
        expect(properties[name]).toMatchObject({ type: 'integer', format: 'int64' });
      }
    }
    expect(components.messages.socket_bbo?.name).toBe(socketEventOf('bbo'));
  });

  it('are open to everybody, with a page to read them, though all else asks for a token', async () => {
    expect((await get('/symbols')).statusCode).toBe(401);
    expect((await get('/docs-json')).json()).toEqual(openApi);
    expect((await get('/docs/asyncapi.json')).json()).toEqual(asyncApi);
    const page = await get('/docs');
    expect([page.statusCode, page.headers['content-type']]).toEqual([200, expect.stringContaining('text/html')]);
    expect(page.body).toContain('src="./docs/swagger-ui-bundle.js"');
    expect((await get('/docs/swagger-ui-bundle.js')).statusCode).toBe(200);
    expect((await get('/docs/swagger-ui-init.js')).statusCode).toBe(200);
    for (const outside of ['../package.json', '%2e%2e%2fpackage.json', '..%5cpackage.json', 'nothing.js']) {
      expect((await get(`/docs/${outside}`)).statusCode).toBeGreaterThanOrEqual(400);
    }
  });
});
