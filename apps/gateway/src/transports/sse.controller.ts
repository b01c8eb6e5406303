import { Controller, Get, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { SseEndpoints } from './sse-endpoints.ts';

/** The event streams, to everybody, and to those alone who have a token (Champion seed). `@Res()` leaves the reply to us: Nest must neither await nor serialise it. */
@Controller()
export class SseController {
  readonly #endpoints: SseEndpoints;

  constructor(endpoints: SseEndpoints) {
    this.#endpoints = endpoints;
  }

  @Get('stream')
  stream(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#endpoints.streams(request, reply, false);
  }

  @Get('api/stream')
  apiStream(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#endpoints.log(request, reply, false);
  }

  @Get('protected/stream')
  protectedStream(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#endpoints.streams(request, reply, true);
  }

  @Get('protected/api/stream')
  protectedApiStream(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.#endpoints.log(request, reply, true);
  }
}
