import { createHash, randomBytes } from 'node:crypto';
import { type RedisClient, ticketKey } from '@depthcast/log';
import { DepthcastError } from '@depthcast/protocol';
import { z } from 'zod';
import type { Credential } from './identity.ts';

export const TICKET_SECONDS = 30;
/** Tickets that one account may take of one gateway in the time that one lives. */
export const TICKETS_PER_ACCOUNT_MAX = 100;
const TICKET_BYTES = 32;
const TICKET = /^[A-Za-z0-9_-]{43}$/;

const stored = z.object({ account: z.string(), jti: z.string().optional(), exp: z.number() });

/**
 * One-time tickets in Redis, for clients that can send no header: a browser's EventSource has but a URL, and a token in
 * a URL ends up in logs and histories. Redis holds the hash alone: who reads its keys has no ticket.
 */
export class TicketStore {
  readonly #client: RedisClient;
  readonly #nowMs: () => number;
  /** By account, since {@link #countedMs}. */
  readonly #issued = new Map<string, number>();
  #countedMs = Number.NEGATIVE_INFINITY;

  constructor(client: RedisClient, nowMs: () => number) {
    this.#client = client;
    this.#nowMs = nowMs;
  }

  /** @throws DepthcastError `OVERLOADED` when the account has taken too many; whatever Redis throws. */
  async issue({ account, jti, expiresMs }: Credential): Promise<string> {
    this.#count(account);
    const ticket = randomBytes(TICKET_BYTES).toString('base64url');
    const value = JSON.stringify({ account, jti, exp: expiresMs });
    await this.#client.set(keyOf(ticket), value, 'PX', TICKET_SECONDS * 1_000);
    return ticket;
  }

  /**
   * What the ticket's token had said. It is used up by that.
   *
   * @throws DepthcastError `TICKET_INVALID`; whatever Redis throws.
   */
  async redeem(ticket: string): Promise<Credential> {
    const text = TICKET.test(ticket) ? await this.#client.getdel(keyOf(ticket)) : null;
    if (text === null) {
      throw new DepthcastError(
        'TICKET_INVALID',
        `the ticket was used before, is older than ${TICKET_SECONDS} s, or never was one: POST /api/stream/ticket gives another`,
      );
    }
    const { account, jti, exp } = stored.parse(JSON.parse(text));
    return { account, jti, expiresMs: exp };
  }

  #count(account: string): void {
    const nowMs = this.#nowMs();
    if (nowMs - this.#countedMs >= TICKET_SECONDS * 1_000) {
      this.#issued.clear();
      this.#countedMs = nowMs;
    }
    const issued = this.#issued.get(account) ?? 0;
    if (issued >= TICKETS_PER_ACCOUNT_MAX) {
      const limit = `${TICKETS_PER_ACCOUNT_MAX} tickets in ${TICKET_SECONDS} s`;
      throw new DepthcastError('OVERLOADED', `an account takes ${limit} at most: come back later`);
    }
    this.#issued.set(account, issued + 1);
  }
}

function keyOf(ticket: string): string {
  return ticketKey(createHash('sha256').update(ticket).digest('hex'));
}
