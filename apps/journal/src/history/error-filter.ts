import { DepthcastError, type ErrorCode, toErrorAnswer } from '@depthcast/protocol';
import { type ArgumentsHost, Catch, Logger } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import type { FastifyReply } from 'fastify';

const RETRY_AFTER_SECONDS = 1;
const COMES_BACK: readonly ErrorCode[] = ['OVERLOADED', 'HISTORY_UNAVAILABLE'];

/** Answers what a handler throws. What was never meant to reach a client is a defect: 500, and logged. */
@Catch()
export class ErrorFilter extends BaseExceptionFilter {
  readonly #logger = new Logger('history');

  override catch(exception: unknown, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    if (!(exception instanceof DepthcastError) || exception.status === 500) {
      super.catch(exception, host);
      return;
    }
    if (exception.code === 'HISTORY_UNAVAILABLE') {
      this.#logger.warn(
        `${exception.message}: ${(exception.cause as Error | undefined)?.message ?? 'no reason given'}`,
      );
    }
    if (reply.sent) return;
    if (COMES_BACK.includes(exception.code)) void reply.header('Retry-After', RETRY_AFTER_SECONDS);
    // What the answer would have been is said in headers already.
    void reply.removeHeader('Content-Disposition').type('application/json; charset=utf-8');
    void reply.status(exception.status).send(toErrorAnswer(exception));
  }
}
