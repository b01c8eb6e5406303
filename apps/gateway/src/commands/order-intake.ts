import { randomUUID } from 'node:crypto';
import type { InboxProducer } from '@depthcast/log';
import { DepthcastError, type ErrorCode, quote, type UnstampedInput } from '@depthcast/protocol';
import type { MarketState } from '../views/market-state.ts';
import type { AccountTable } from './account-table.ts';
import type { Ack, AckOf, AckWaiter, AckWaiters } from './ack-waiters.ts';
import { clientOrderId, type OrderRequest, parseOrder } from './order-request.ts';
import { orderUpdateOf } from './order-update.ts';
import { symbolUnknown } from './symbol-unknown.ts';
import { checkRules } from './trading-rules.ts';

export interface OrderIntakeOptions {
  readonly inbox: Pick<InboxProducer, 'send'>;
  /** How long Redis may take to take an order. */
  readonly sendMs: number;
  readonly accounts: AccountTable;
  readonly acks: AckWaiters;
  readonly state: Pick<MarketState, 'hasSymbol' | 'symbols' | 'book'>;
  /** Whether the symbols are known yet. */
  readonly isStarted: () => boolean;
  /** Whether event time stands still: no venue's data comes, or no engine reads it. */
  readonly isStale: () => boolean;
  /** Event time, and this machine's. */
  readonly eventUs: () => number;
  readonly nowMs: () => number;
  /** Requests that may be under way at once. */
  readonly pendingMax: number;
}

/** What a request is answered: a status and JSON. */
export interface Answer {
  readonly status: 200 | 202 | 422;
  readonly body: string;
}

/** How long the engine's answer is waited for, and who has left meanwhile. */
export interface Patience {
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

/** What became of a command, for the metric. */
export type Outcome =
  | 'taken'
  | 'known'
  | 'acknowledged'
  | 'rejected'
  | 'refused'
  | 'unknown'
  | 'timeout'
  | 'overloaded'
  | 'left';

/** A command whose order has a name: whoever sends it again should use that name. */
export class CommandError extends DepthcastError {
  readonly clientOrderId: string;

  constructor(code: ErrorCode, message: string, id: string, options?: ErrorOptions) {
    super(code, message, options);
    this.clientOrderId = id;
  }
}

const OUTCOME_OF: Partial<Record<ErrorCode, Outcome>> = {
  ORDER_UNKNOWN: 'unknown',
  ACK_TIMEOUT: 'timeout',
  OVERLOADED: 'overloaded',
};
const CLOSE_POLL_MS = 10;

/**
 * Takes orders and cancels for the inbox. It refuses what no engine would take; all else the engine decides, and its
 * answer comes back over the log.
 */
export class OrderIntake {
  readonly #options: OrderIntakeOptions;
  /** By `<command> <outcome>`. */
  readonly outcomes = new Map<string, number>();
  #pending = 0;
  #isClosed = false;

  constructor(options: OrderIntakeOptions) {
    this.#options = options;
  }

  /** Requests under way. */
  get pending(): number {
    return this.#pending;
  }

  /** Whether the account has such an order, or had it not long ago. */
  knows(account: string, id: string): boolean {
    const { accounts, eventUs } = this.#options;
    return accounts.account(account)?.holder(id, eventUs() / 1_000) !== undefined;
  }

  /**
   * An order for the inbox. Its client order id makes it safe to send again: one that the account has is answered with
   * how it stands, and nothing is appended.
   *
   * @param patience waits for the engine's first word about it; `undefined` answers once the order is in the inbox.
   * @returns 202 with `{client_order_id, status, account, symbol}`; with patience 200 with the `order_update`, the
   *   latest one of an order that was known, and 422 with the same of one that is REJECTED.
   * @throws DepthcastError a 400 that names the field, `OVERLOADED`, `ACK_TIMEOUT`.
   */
  place(account: string, body: string, patience?: Patience): Promise<Answer> {
    return this.#counted('order', patience, async () => {
      const order = parseOrder(body, randomUUID);
      const { clientOrderId: id } = order;
      this.#checkStarted(id);
      const known = this.#options.accounts.account(account)?.holder(id, this.#options.eventUs() / 1_000);
      if (known) {
        const { status, symbol = order.symbol, payload } = known;
        const answer = patience ? told(orderUpdateOf(payload), status) : taken(id, status, account, symbol);
        return [answer, 'known'];
      }
      this.#checkSymbol(order);
      // Of what its venue has sent last, the engine cannot know how old it is: a book whose source died serves on.
      if (this.#options.isStale())
        throw new CommandError('OVERLOADED', 'market data stands still: come back later', id);
      const ack = await this.#send(this.#orderInput(account, order), account, id, 'order', patience);
      if (!patience) return [taken(id, 'PENDING', account, order.symbol), 'taken'];
      if (!ack) throw timeout(id, patience);
      const update = ack.type === 'order_update' ? ack.payload : orderUpdateOf(ack.payload);
      const answer = told(update, ack.status);
      return [answer, answer.status === 422 ? 'rejected' : 'acknowledged'];
    });
  }

  /**
   * A cancel for the inbox, whatever this gateway knows of the order: only the engine knows what it still is.
   *
   * @returns 200 with the `order_update` that says CANCELLED.
   * @throws DepthcastError `ORDER_INVALID`, `ORDER_UNKNOWN`, `OVERLOADED`, `ACK_TIMEOUT`.
   */
  cancel(account: string, id: string, patience: Patience): Promise<Answer> {
    return this.#counted('cancel', patience, async () => {
      clientOrderId(id);
      this.#checkStarted(id);
      const { eventUs, nowMs } = this.#options;
      const times = { tsEventUs: eventUs(), tsRecvUs: nowMs() * 1_000 };
      const input: UnstampedInput = { type: 'cancel', account, orderId: id, ...times };
      const ack = await this.#send(input, account, id, 'cancel', patience);
      if (!ack) throw timeout(id, patience);
      const isUpdate = ack.type === 'order_update';
      if (isUpdate && ack.status === 'CANCELLED') return [{ status: 200, body: ack.payload }, 'acknowledged'];
      const why = isUpdate ? '' : `: it is ${ack.status}`;
      throw new CommandError('ORDER_UNKNOWN', `account ${account} has no open order ${quote(id)}${why}`, id);
    });
  }

  /** Takes nothing more. Whoever still waits for the engine then is told that the order is in the inbox. */
  async close(waitMs: number): Promise<void> {
    this.#isClosed = true;
    const deadlineMs = Date.now() + waitMs;
    while (this.#pending > 0 && Date.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, CLOSE_POLL_MS));
    }
    this.#options.acks.stop();
  }

  async #send(
    input: UnstampedInput,
    account: string,
    id: string,
    of: AckOf,
    patience: Patience | undefined,
  ): Promise<Ack | undefined> {
    const { inbox, sendMs, acks, pendingMax } = this.#options;
    if (this.#pending >= pendingMax) throw new CommandError('OVERLOADED', `all ${pendingMax} orders are pending`, id);
    this.#pending++;
    let waiter: AckWaiter | undefined;
    try {
      if (patience) {
        const { waitMs, signal } = patience;
        waiter = acks.wait(account, id, of, waitMs);
        // A client that has left is not waited for.
        if (signal.aborted) waiter.close();
        else signal.addEventListener('abort', waiter.close, { once: true });
      }
      await inbox.send(input, { timeoutMs: sendMs });
      return await waiter?.ack;
    } catch (error) {
      throw new CommandError('OVERLOADED', (error as Error).message, id, { cause: error });
    } finally {
      waiter?.close();
      this.#pending--;
    }
  }

  #orderInput(account: string, order: OrderRequest): UnstampedInput {
    const { symbol, side, qty, price, tif, postOnly, clientOrderId: orderId } = order;
    return {
      type: 'order',
      symbol,
      account,
      orderId,
      side,
      qty,
      ...(price === undefined ? {} : { price }),
      ...(tif === undefined ? {} : { tif }),
      ...(postOnly ? { postOnly } : {}),
      tsEventUs: this.#options.eventUs(),
      tsRecvUs: this.#options.nowMs() * 1_000,
    };
  }

  #checkStarted(id: string): void {
    if (this.#isClosed) throw new CommandError('OVERLOADED', 'going away: come back', id);
    if (!this.#options.isStarted()) throw new CommandError('OVERLOADED', 'starting: come back soon', id);
  }

  #checkSymbol(order: OrderRequest): void {
    const { state } = this.#options;
    if (!state.hasSymbol(order.symbol)) throw symbolUnknown(order.symbol, state.symbols);
    const definition = state.book(order.symbol)?.definition;
    if (definition) checkRules(order, definition);
  }

  async #counted(
    command: 'order' | 'cancel',
    patience: Patience | undefined,
    work: () => Promise<readonly [Answer, Outcome]>,
  ): Promise<Answer> {
    let outcome: Outcome = 'refused';
    try {
      const [answer, became] = await work();
      outcome = became;
      return answer;
    } catch (error) {
      if (error instanceof DepthcastError) outcome = OUTCOME_OF[error.code] ?? 'refused';
      if (patience?.signal.aborted) outcome = 'left';
      throw error;
    } finally {
      const key = `${command} ${outcome}`;
      this.outcomes.set(key, (this.outcomes.get(key) ?? 0) + 1);
    }
  }
}

function taken(id: string, status: string, account: string, symbol: string): Answer {
  return { status: 202, body: JSON.stringify({ client_order_id: id, status, account, symbol }) };
}

/** The engine's own words. */
function told(payload: string, status: string): Answer {
  return { status: status === 'REJECTED' ? 422 : 200, body: payload };
}

function timeout(id: string, { waitMs }: Patience): CommandError {
  return new CommandError('ACK_TIMEOUT', `no engine has answered within ${waitMs} ms: it is in the inbox`, id);
}
