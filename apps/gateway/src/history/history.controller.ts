import { DepthcastError, type Query } from '@depthcast/protocol';
import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ownQuery } from '../auth/request-identity.ts';
import type { GatewayConfig } from '../config.ts';
import { CONFIG } from '../transports/info.controller.ts';
import { EVENTS, EXPORT, HISTORY_ENDPOINTS } from './endpoints.ts';
import { answerFromJournal } from './history-proxy.ts';

/** `/api/history`: the journal's answers at the gateway's address. `@Res()` leaves the reply to the proxy. */
@Controller('api/history')
export class HistoryController {
  readonly #hasJournal: boolean;
  readonly #token: string | undefined;

  constructor(@Inject(CONFIG) config: GatewayConfig) {
    this.#hasJournal = config.JOURNAL_HTTP_URL !== undefined;
    this.#token = config.JOURNAL_TOKEN;
  }

  @Get(Object.keys(HISTORY_ENDPOINTS))
  history(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    // The route's own path: whatever a request's path may be read as, no other goes to the journal.
    const path = request.routeOptions.url as string;
    const query = ownQuery(request, takesAccount(path, request.query as Query));
    if (!this.#hasJournal) throw new DepthcastError('HISTORY_UNAVAILABLE', 'JOURNAL_HTTP_URL names no journal here');
    answerFromJournal(reply, path, query, this.#token);
  }
}

function takesAccount(path: string, { data = EVENTS }: Query): boolean {
  return path.endsWith(`/${EVENTS}`) || (path.endsWith(`/${EXPORT}`) && data === EVENTS);
}
