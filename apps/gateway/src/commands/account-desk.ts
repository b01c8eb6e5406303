import type { StoredAccounts } from '@depthcast/log';
import { within } from '@depthcast/ops';
import { DepthcastError, quote } from '@depthcast/protocol';
import type { MarketState } from '../views/market-state.ts';
import type { OrdersWanted } from './account-replica.ts';
import type { AccountTable } from './account-table.ts';
import { symbolUnknown } from './symbol-unknown.ts';

export interface AccountDeskOptions {
  readonly accounts: AccountTable;
  readonly state: Pick<MarketState, 'hasSymbol' | 'symbols'>;
  /** The accounts as last stored. */
  readonly stored: () => Promise<StoredAccounts | undefined>;
  /** Whether what is known is as new as the log was when it was (last) begun. */
  readonly isCaughtUp: () => boolean;
}

const STORED_WAIT_MS = 1_000;

/**
 * Says how accounts stand, in the events' own text.
 *
 * @throws DepthcastError `OVERLOADED` from every method while that is not known yet.
 */
export class AccountDesk {
  readonly #options: AccountDeskOptions;
  #loading: Promise<void> | undefined;

  constructor(options: AccountDeskOptions) {
    this.#options = options;
  }

  /** `order_state` events, the newest order first. @throws DepthcastError `SYMBOL_UNKNOWN` */
  orders(account: string, wanted: OrdersWanted): string[] {
    const known = this.#account(account);
    const { state } = this.#options;
    if (wanted.symbol !== undefined && !state.hasSymbol(wanted.symbol))
      throw symbolUnknown(wanted.symbol, state.symbols);
    const orders = known?.orders(wanted) ?? [];
    return orders.map(({ payload }) => payload);
  }

  /** An `order_state` event. @throws DepthcastError `ORDER_UNKNOWN` */
  order(account: string, clientOrderId: string): string {
    const order = this.#account(account)?.order(clientOrderId);
    if (order) return order.payload;
    throw new DepthcastError('ORDER_UNKNOWN', `account ${account} has no order ${quote(clientOrderId)}`);
  }

  /** `position` events. */
  positions(account: string): string[] {
    const positions = this.#account(account)?.positions ?? [];
    return positions.map(({ payload }) => payload);
  }

  /** An `account` event of all balances; those of an account that was never used are what each begins with. */
  async balances(account: string): Promise<string> {
    const { accounts } = this.#options;
    this.#account(account);
    if (accounts.balances(account) === undefined) await this.#loadStarting();
    const balances = accounts.balances(account);
    if (balances !== undefined) return balances;
    throw new DepthcastError('OVERLOADED', 'no engine has stored its accounts yet: come back soon');
  }

  #account(name: string) {
    const { accounts, isCaughtUp } = this.#options;
    if (!isCaughtUp()) throw new DepthcastError('OVERLOADED', 'starting: come back soon');
    if (!accounts.isKnown) {
      throw new DepthcastError('OVERLOADED', 'an engine has taken over and stores its accounts: come back soon');
    }
    return accounts.account(name);
  }

  /** One reading for all who ask at once; who asks does not wait for a Redis that is away. */
  async #loadStarting(): Promise<void> {
    this.#loading ??= this.#options
      .stored()
      .then((stored) => {
        if (stored) this.#options.accounts.learnStartingBalances(stored);
      })
      .finally(() => {
        this.#loading = undefined;
      });
    await within(
      this.#loading.catch(() => {}),
      STORED_WAIT_MS,
    );
  }
}
