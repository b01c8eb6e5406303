import { Controller, Delete, Get, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { accountOf } from '../auth/request-identity.ts';
import type { GatewayConfig } from '../config.ts';
import { checkOrigin } from '../transports/cors.ts';
import { CONFIG } from '../transports/info.controller.ts';
import { type Query, refuseArrayForms } from '../transports/query.ts';
import { AccountDesk } from './account-desk.ts';
import { bodyOf } from './order-body.ts';
import { type Answer, OrderIntake, type Patience } from './order-intake.ts';
import { ORDER_PARAMETERS, ordersWanted, waitMsOf, wantsAck } from './order-params.ts';

/**
 * Orders, cancels, and what has become of them. Answers are made of the events' own text and sent as they are: no
 * number of them passes through JavaScript's.
 */
@Controller('api')
export class OrdersController {
  readonly #intake: OrderIntake;
  readonly #accounts: AccountDesk;

  readonly #origins: readonly string[];

  constructor(intake: OrderIntake, accounts: AccountDesk, @Inject(CONFIG) config: GatewayConfig) {
    this.#intake = intake;
    this.#accounts = accounts;
    this.#origins = config.CORS_ORIGIN;
  }

  @Post('orders')
  async place(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    checkOrigin(this.#origins, request.headers);
    const { account, query } = askedBy(request);
    const waitMs = waitMsOf(query);
    const patience = wantsAck(query) ? patienceOf(reply, waitMs) : undefined;
    answer(reply, await this.#intake.place(account, bodyOf(request), patience));
  }

  @Delete('orders/:client_order_id')
  async cancel(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    checkOrigin(this.#origins, request.headers);
    const { account, query } = askedBy(request);
    const patience = patienceOf(reply, waitMsOf(query));
    answer(reply, await this.#intake.cancel(account, idOf(request), patience));
  }

  @Get('orders')
  orders(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const { account, query } = askedBy(request);
    const payloads = this.#accounts.orders(account, ordersWanted(query));
    answer(reply, { status: 200, body: `{"orders":[${payloads.join(',')}]}` });
  }

  @Get('orders/:client_order_id')
  order(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    answer(reply, { status: 200, body: this.#accounts.order(askedBy(request).account, idOf(request)) });
  }

  @Get('account')
  async account(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    answer(reply, { status: 200, body: await this.#accounts.balances(askedBy(request).account) });
  }

  @Get('positions')
  positions(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const payloads = this.#accounts.positions(askedBy(request).account);
    answer(reply, { status: 200, body: `{"positions":[${payloads.join(',')}]}` });
  }
}

/** What is wanted, and whose it is. */
function askedBy(request: FastifyRequest): { readonly account: string; readonly query: Query } {
  const query = request.query as Query;
  refuseArrayForms(query, ORDER_PARAMETERS);
  return { account: accountOf(request), query };
}

function idOf(request: FastifyRequest): string {
  return (request.params as { client_order_id: string }).client_order_id;
}

/** Ends when the client leaves. */
function patienceOf(reply: FastifyReply, waitMs: number): Patience {
  const leaving = new AbortController();
  if (reply.raw.destroyed) leaving.abort();
  reply.raw.once('close', () => leaving.abort());
  return { waitMs, signal: leaving.signal };
}

function answer(reply: FastifyReply, { status, body }: Pick<Answer, 'body'> & { status: number }): void {
  void reply.status(status).headers(HEADERS).send(body);
}

/** What is true of an account now is not true of it later. */
const HEADERS = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' };
