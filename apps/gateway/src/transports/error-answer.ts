import { DepthcastError, type ErrorAnswer, type ErrorCode, invalid, toErrorAnswer } from '@depthcast/protocol';
import { type ArgumentsHost, Catch, HttpException, MethodNotAllowedException, NotFoundException } from '@nestjs/common';
import { BaseExceptionFilter } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { BODY_BYTES_MAX } from '../commands/order-body.ts';
import { methodsOf } from './allowed-methods.ts';

/** A refusal; where it is of an order that has a name, it is safe to send that again under it. */
export interface OrderErrorAnswer extends ErrorAnswer {
  readonly client_order_id?: string;
}

const RETRY_AFTER_SECONDS = 1;
const UNAUTHORIZED = 401;
const UNAVAILABLE = 503;
const TOO_MANY_BYTES = 413;
const UNKNOWN_TYPE = 415;

/** How often each error has been answered since this process began, over whatever transport. */
export const answered = new Map<ErrorCode, number>();

export function errorAnswer(error: DepthcastError & { readonly clientOrderId?: string }): OrderErrorAnswer {
  const { code, clientOrderId } = error;
  answered.set(code, (answered.get(code) ?? 0) + 1);
  return { ...toErrorAnswer(error), ...(clientOrderId === undefined ? {} : { client_order_id: clientOrderId }) };
}

/** Sends a refusal, with the headers that its status asks for (RFC 9110, RFC 6750). */
export function refuse(reply: FastifyReply, error: DepthcastError): void {
  const { status, code } = error;
  if (status === UNAVAILABLE) void reply.header('Retry-After', RETRY_AFTER_SECONDS);
  if (status === UNAUTHORIZED) {
    const why = code === 'TOKEN_MISSING' ? '' : ', error="invalid_token"';
    void reply.header('WWW-Authenticate', `Bearer realm="depthcast"${why}`);
  }
  void reply.status(status).send(errorAnswer(error));
}

/** Answers a path that is none, which no route and no filter ever sees. */
export function answerBadUrl({ url }: FastifyRequest, reply: FastifyReply): void {
  const error = invalid('path', url, '%25 for a percent sign');
  void reply.status(error.status).send(errorAnswer(error));
}

/** Answers what a handler throws, and what is wrong with a body before any handler sees it, in the one shape. */
@Catch()
export class ErrorFilter extends BaseExceptionFilter {
  override catch(exception: unknown, host: ArgumentsHost): void {
    const { request, reply } = httpOf(host);
    // Its client left before the end of its body: nobody is there to be answered, and nothing is wrong here.
    if (request.raw.errored !== null && exception === request.raw.errored) {
      void reply.hijack();
      return;
    }
    const error = named(exception);
    const methods = exception instanceof NotFoundException ? methodsOf(request) : [];
    if (methods.length > 0 && !methods.includes(request.method)) {
      const allow = methods.join(', ');
      void reply.header('Allow', allow);
      super.catch(new MethodNotAllowedException(`${request.method} is not allowed: takes ${allow}`), host);
      return;
    }
    // Without a status it was never meant to reach a client: a defect, to be logged.
    if (!error || error.status === 500) {
      super.catch(exception, host);
      return;
    }
    if (reply.sent) return;
    refuse(reply, error);
  }
}

function httpOf(host: ArgumentsHost): { readonly request: FastifyRequest; readonly reply: FastifyReply } {
  const http = host.switchToHttp();
  return { request: http.getRequest<FastifyRequest>(), reply: http.getResponse<FastifyReply>() };
}

/** What is here called by a name. */
function named(exception: unknown): DepthcastError | undefined {
  if (exception instanceof DepthcastError) return exception;
  const status = exception instanceof HttpException ? exception.getStatus() : 0;
  if (status === TOO_MANY_BYTES)
    return new DepthcastError('BODY_TOO_LARGE', `body has more than ${BODY_BYTES_MAX} bytes`);
  if (status === UNKNOWN_TYPE) return new DepthcastError('BODY_TYPE_UNKNOWN', 'body is not application/json');
  return undefined;
}
