import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import type { FastifyInstance } from 'fastify';
import { asyncApiDocument } from './asyncapi.ts';
import { ASYNCAPI_PATH, openApiDocument } from './openapi.ts';

/** GET /docs, a page; /docs-json, what it shows; /docs/asyncapi.json, the same of what is streamed. */
export function useDocs(app: NestFastifyApplication): void {
  const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
  const asyncApi = JSON.stringify(asyncApiDocument());
  fastify.get(ASYNCAPI_PATH, async (_request, reply) => reply.type('application/json').send(asyncApi));
  const document = openApiDocument() as unknown as OpenAPIObject;
  SwaggerModule.setup('docs', app, document, { raw: ['json'], customSiteTitle: 'Depthcast' });
}
