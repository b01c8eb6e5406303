import { DepthcastError } from '@depthcast/protocol';
import { Controller, Header, HttpCode, Post, Req } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { identityOf } from './request-identity.ts';
import { TICKET_SECONDS, TicketStore } from './tickets.ts';
import { answerOf } from './token-authenticator.ts';

/** `POST /api/stream/ticket`: a token, which a header can carry, for a ticket, which a URL can. */
@Controller('api/stream')
export class TicketController {
  readonly #tickets: TicketStore;

  constructor(tickets: TicketStore) {
    this.#tickets = tickets;
  }

  @Post('ticket')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  async ticket(@Req() request: FastifyRequest): Promise<{ ticket: string; expires_in: number }> {
    const identity = identityOf(request);
    if (identity.kind !== 'account') throw new DepthcastError('FORBIDDEN', 'a ticket is of an account');
    return { ticket: await answerOf(this.#tickets.issue(identity.credential)), expires_in: TICKET_SECONDS };
  }
}
