import { traced } from '@depthcast/ops';
import type { Query } from '@depthcast/protocol';
import { Controller, Delete, Get, Inject, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { accountOf } from '../auth/request-identity.ts';
import type { GatewayConfig } from '../config.ts';
import { Partitions } from '../partitions/partitions.ts';
import { checkOrigin } from '../transports/cors.ts';
import { CONFIG } from '../transports/info.controller.ts';
import { refuseArrayForms } from '../transports/query.ts';
import { AccountDesks } from './account-desks.ts';
import { bodyOf } from './order-body.ts';
import { OrderDesk } from './order-desk.ts';
import type { Answer, Patience } from './order-intake.ts';
import { ORDER_PARAMETERS, ordersWanted, symbolOf, waitMsOf, wantsAck } from './order-params.ts';

/**
 * Orders, cancels, and what has become of them. Answers are made of the events' own text and sent as they are: no
 * number of them passes through JavaScript's.
 */
@Controller('api')
export class OrdersController {
  readonly #orders: OrderDesk;
  readonly #accounts: AccountDesks;
  readonly #origins: readonly string[];

  constructor(
    orders: OrderDesk,
    accounts: AccountDesks,
    private readonly partitions: Partitions,
    @Inject(CONFIG) config: GatewayConfig,
  ) {
    this.#orders = orders;
    this.#accounts = accounts;
    this.#origins = config.CORS_ORIGIN;
  }

  @Post('orders')
  place(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    checkOrigin(this.#origins, request.headers);
    const { account, query } = askedBy(request);
    const waitMs = waitMsOf(query);
    const patience = wantsAck(query) ? patienceOf(reply, waitMs) : undefined;
    return this.#answer(reply, () =>
      traced(request, 'place order', () => this.#orders.place(account, bodyOf(request), patience)),
    );
  }

  @Delete('orders/:client_order_id')
  cancel(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    checkOrigin(this.#origins, request.headers);
    const { account, query } = askedBy(request);
    const patience = patienceOf(reply, waitMsOf(query));
    return this.#answer(reply, () =>
      traced(request, 'cancel order', () => this.#orders.cancel(account, idOf(request), patience)),
    );
  }

  @Get('orders')
  orders(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { account, query } = askedBy(request);
    return this.#answer(reply, () => {
      const payloads = this.#accounts.orders(account, ordersWanted(query));
      return { status: 200, body: `{"orders":[${payloads.join(',')}]}` };
    });
  }

  @Get('orders/:client_order_id')
  order(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { account } = askedBy(request);
    return this.#answer(reply, () => ({ status: 200, body: this.#accounts.order(account, idOf(request)) }));
  }

  @Get('account')
  account(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { account, query } = askedBy(request);
    const symbol = symbolOf(query);
    return this.#answer(reply, async () => ({ status: 200, body: await this.#accounts.balances(account, symbol) }));
  }

  @Get('positions')
  positions(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { account } = askedBy(request);
    return this.#answer(reply, () => {
      const payloads = this.#accounts.positions(account);
      return { status: 200, body: `{"positions":[${payloads.join(',')}]}` };
    });
  }

  /** What is known of an account is known where its partitions are followed. */
  async #answer(reply: FastifyReply, work: () => Answer | Promise<Answer>): Promise<void> {
    const release = await this.partitions.use(undefined);
    try {
      const { status, body } = await work();
      void reply.status(status).headers(HEADERS).send(body);
    } finally {
      release();
    }
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

/** What is true of an account now is not true of it later. */
const HEADERS = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' };
