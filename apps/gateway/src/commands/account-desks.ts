import { DepthcastError, invalid } from '@depthcast/protocol';
import type { Partitions } from '../partitions/partitions.ts';
import type { AccountDesk } from './account-desk.ts';
import type { OrdersWanted } from './account-replica.ts';

/**
 * Says how accounts stand in all partitions. An account has orders and positions in those of their symbols, and
 * balances of its own in each.
 */
export class AccountDesks {
  readonly #desks: readonly AccountDesk[];
  readonly #partitions: Partitions;

  constructor(desks: readonly AccountDesk[], partitions: Partitions) {
    this.#desks = desks;
    this.#partitions = partitions;
  }

  /** As {@link AccountDesk.orders}. */
  orders(account: string, wanted: OrdersWanted): string[] {
    const { symbol, limit } = wanted;
    if (symbol !== undefined) return this.#deskOf(symbol).orders(account, wanted);
    const [first] = this.#desks;
    if (first && this.#desks.length === 1) return first.orders(account, wanted);
    const all = this.#desks.flatMap((desk) => desk.orders(account, wanted));
    return all.sort((a, b) => timeOf(b) - timeOf(a)).slice(0, limit);
  }

  /** As {@link AccountDesk.order}. */
  order(account: string, clientOrderId: string): string {
    let unknown: unknown;
    for (const desk of this.#desks) {
      try {
        return desk.order(account, clientOrderId);
      } catch (error) {
        if (!(error instanceof DepthcastError) || error.code !== 'ORDER_UNKNOWN') throw error;
        unknown = error;
      }
    }
    throw unknown;
  }

  positions(account: string): string[] {
    return this.#desks.flatMap((desk) => desk.positions(account));
  }

  /**
   * As {@link AccountDesk.balances}.
   *
   * @param symbol in whose partition; there is no telling without it where there are several.
   * @throws DepthcastError `PARAMETER_INVALID`
   */
  async balances(account: string, symbol: string | undefined): Promise<string> {
    const [first] = this.#desks as [AccountDesk];
    if (symbol !== undefined) return await this.#deskOf(symbol).balances(account);
    if (this.#desks.length === 1) return await first.balances(account);
    throw invalid(
      'symbol',
      '',
      `one of GET /symbols: an account has balances in each of ${this.#desks.length} partitions`,
    );
  }

  #deskOf(symbol: string): AccountDesk {
    return this.#desks[this.#partitions.indexOf(symbol)] as AccountDesk;
  }
}

/** Of an `order_state`: near enough to sort by. */
function timeOf(payload: string): number {
  return Number(/"last_ts_ns":(\d+)/.exec(payload)?.[1] ?? 0);
}
