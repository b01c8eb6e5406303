import { setTimeout as sleep } from 'node:timers/promises';
import type { LoggedEvent } from './log-checks.ts';

const RETRY_MS = 50;

/**
 * Somebody who trades while things break: one order after the other, each sent again under the same client_order_id
 * until a gateway has answered 202. They cross the spread and leave nothing behind (IOC).
 */
export class OrderPoster {
  /** client_order_ids that were answered 202. */
  readonly accepted: string[] = [];
  readonly problems: string[] = [];
  readonly #urls: () => string[];
  readonly #everyMs: number;
  #stopped = false;
  readonly #running: Promise<void>;

  /** @param urls POST /api/orders of every gateway. */
  constructor(urls: () => string[], everyMs = 10) {
    this.#urls = urls;
    this.#everyMs = everyMs;
    this.#running = this.#run();
  }

  /** Resolves when the order under way has been answered. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let i = 0; !this.#stopped; i++) {
      const side = i % 2 === 0 ? 'BUY' : 'SELL';
      const price = side === 'BUY' ? 60_000 : 30_000;
      await this.#post({ symbol: 'BTCUSD', side, qty: 1, price, time_in_force: 'IOC', client_order_id: `poster-${i}` });
      await sleep(this.#everyMs);
    }
  }

  async #post(order: { client_order_id: string; [field: string]: unknown }): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const urls = this.#urls();
      try {
        const response = await fetch(urls[attempt % urls.length] as string, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(order),
          signal: AbortSignal.timeout(5_000),
        });
        const text = await response.text();
        if (response.status === 202) {
          this.accepted.push(order.client_order_id);
          return;
        }
        if (response.status < 500) {
          this.problems.push(`${order.client_order_id}: ${response.status} ${text}`);
          return;
        }
      } catch {
        // No gateway there at the moment.
      }
      await sleep(RETRY_MS);
    }
  }
}

/** What is wrong with how these orders stand in a log: each must have been accepted and ended once, and no more filled than wanted. */
export function misexecuted(ids: readonly string[], log: readonly LoggedEvent[]): string[] {
  const told = new Map<string, { accepted: number; ended: number; filled: number }>();
  for (const { topic, payload } of log) {
    const isUpdate = topic.startsWith('order_update:');
    if (!isUpdate && !topic.startsWith('fill:')) continue;
    const event = JSON.parse(payload) as { client_order_id: string; status: string; qty: number };
    const order = told.get(event.client_order_id) ?? { accepted: 0, ended: 0, filled: 0 };
    told.set(event.client_order_id, order);
    if (!isUpdate) order.filled += event.qty;
    else if (event.status === 'ACCEPTED') order.accepted++;
    else if (event.status === 'FILLED' || event.status === 'EXPIRED') order.ended++;
    else if (event.status !== 'PARTIALLY_FILLED') order.ended += 100;
  }
  return ids.flatMap((id) => {
    const order = told.get(id);
    const right = order?.accepted === 1 && order.ended === 1 && order.filled <= 1;
    return right ? [] : [`${id}: ${JSON.stringify(order ?? 'not in the log')}`];
  });
}
