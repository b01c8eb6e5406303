import { isOpenStatus, type OrderStatus } from '@depthcast/protocol';

/**
 * What an `order_update` or `order_state` answers: `order` is settled by the first of either that tells of it,
 * `cancel` by the update that says it is cancelled or not there to be cancelled, or the state of one that has ended.
 */
export type AckOf = 'order' | 'cancel';

export interface Ack {
  readonly type: 'order_update' | 'order_state';
  readonly status: OrderStatus;
  readonly reason: string;
  /** The event's own text. */
  readonly payload: string;
}

export interface AckWaiter {
  /** `undefined`: none came in time. */
  readonly ack: Promise<Ack | undefined>;
  /** Waits no longer. Safe to call again. */
  close(): void;
}

interface Waiting {
  readonly of: AckOf;
  readonly settle: (ack: Ack | undefined) => void;
}

/** Requests that wait for the engine's answer, by account and client order id. How many, their caller decides. */
export class AckWaiters {
  readonly #waiting = new Map<string, Set<Waiting>>();
  readonly #onWait: () => void;

  /** @param onWait somebody waits. */
  constructor(onWait: () => void = () => {}) {
    this.#onWait = onWait;
  }

  /** Names that are waited for. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Begin before the input is sent: its answer may be here first. */
  wait(account: string, clientOrderId: string, of: AckOf, waitMs: number): AckWaiter {
    const key = keyOf(account, clientOrderId);
    let settle: Waiting['settle'] = () => {};
    const ack = new Promise<Ack | undefined>((resolve) => {
      settle = resolve;
    });
    const waiting: Waiting = {
      of,
      settle: (answer) => {
        clearTimeout(timer);
        const others = this.#waiting.get(key);
        if (others?.delete(waiting) && others.size === 0) this.#waiting.delete(key);
        settle(answer);
      },
    };
    const timer = setTimeout(() => waiting.settle(undefined), waitMs);
    const set = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, set.add(waiting));
    this.#onWait();
    return { ack, close: () => waiting.settle(undefined) };
  }

  /** An event of an order; costs one look-up when nobody waits for it. */
  onOrder(account: string, type: Ack['type'], payload: string): void {
    if (this.#waiting.size === 0) return;
    const {
      client_order_id: clientOrderId,
      status,
      reason = '',
    } = JSON.parse(payload) as {
      client_order_id: string;
      status: OrderStatus;
      reason?: string;
    };
    const waiting = this.#waiting.get(keyOf(account, clientOrderId));
    for (const waiter of waiting ? [...waiting] : []) {
      if (answers(waiter.of, type, status, reason)) waiter.settle({ type, status, reason, payload });
    }
  }

  /** Nobody will be answered any more. */
  stop(): void {
    for (const waiting of [...this.#waiting.values()]) for (const waiter of [...waiting]) waiter.settle(undefined);
  }
}

function answers(of: AckOf, type: Ack['type'], status: OrderStatus, reason: string): boolean {
  const isUnknown = status === 'REJECTED' && reason === 'unknown_order';
  if (of === 'order') return !isUnknown;
  return type === 'order_update' ? isUnknown || status === 'CANCELLED' : !isOpenStatus(status);
}

function keyOf(account: string, clientOrderId: string): string {
  return `${account} ${clientOrderId}`;
}
