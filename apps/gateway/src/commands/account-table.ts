import type { LogEntry, StoredAccounts } from '@depthcast/log';
import { type Cursor, compareCursors, isOpenStatus } from '@depthcast/protocol';
import type { Filter } from '../fanout/filter.ts';
import type { Topic } from '../fanout/topics.ts';
import { AccountReplica, type OrderState } from './account-replica.ts';
import { rawItems, rawMembers } from './raw-json.ts';

export interface AccountTableOptions {
  /** `ts_ns` of how things stand. */
  readonly tsNs: () => string;
  /** An order's event has come, and the account shows it. */
  readonly onOrder: (account: string, type: 'order_update' | 'order_state', payload: string) => void;
  /** What was stored, or an event, could not be read. */
  readonly onUnreadable: (what: string, error: Error) => void;
}

/** The accounts of the stored state, see Market.accountsState(). */
type StoredMembers = Readonly<Record<string, string>>;

/**
 * All accounts as of the last entry read: what the engine stored with its snapshot, and the private events since. As
 * bounded as the engine's own accounts are.
 */
export class AccountTable {
  readonly #options: AccountTableOptions;
  #accounts = new Map<string, AccountReplica>();
  /** Everything up to here is in what was stored. */
  #cursor: Cursor | undefined;
  #startingBalances: string | undefined;

  constructor(options: AccountTableOptions) {
    this.#options = options;
  }

  /** Forgets the accounts of a timeline that may be no more. */
  restart(stored: StoredAccounts | undefined): void {
    this.#accounts = new Map();
    this.#cursor = undefined;
    this.#startingBalances = undefined;
    if (!stored) return;
    try {
      const { startingBalances, accounts } = Object.fromEntries(rawMembers(stored.state)) as StoredMembers;
      this.#startingBalances = startingBalances && copied(startingBalances);
      for (const [name, json] of rawMembers(accounts ?? '{}')) this.#accounts.set(name, restored(json));
      this.#cursor = stored.cursor;
    } catch (error) {
      this.#options.onUnreadable('stored accounts', error as Error);
    }
  }

  /** An entry of the log; only private ones are of interest. */
  apply(entry: LogEntry, { type, account }: Topic): void {
    if (account === undefined) return;
    if (this.#cursor && compareCursors(entry, this.#cursor) <= 0) return;
    const payload = entry.payload.toString();
    try {
      if (type === 'order_state') this.#applyOrder(account, payload);
      else if (type === 'account') this.#of(account).applyAccount(payload);
      else if (type === 'position') this.#of(account).applyPosition(payload);
      if (type === 'order_update' || type === 'order_state') this.#options.onOrder(account, type, payload);
    } catch (error) {
      this.#options.onUnreadable(`${type} of account ${account}`, error as Error);
    }
  }

  /** How a filter's account stands, as events of the types and symbols that it wants; orders from the oldest up. */
  shown(filter: Filter): [type: string, payload: string][] {
    const account = filter.account === undefined ? undefined : this.#accounts.get(filter.account);
    if (!account) return [];
    const frames: [type: string, payload: string][] = [];
    if (filter.wantsType('account')) frames.push(['account', this.#balancesEvent(account.balances)]);
    for (const { symbol, payload } of account.positions) {
      if (filter.wantsEvents('position', symbol)) frames.push(['position', payload]);
    }
    for (const { symbol = '', payload } of account.orders({ status: 'all' }).reverse()) {
      if (filter.wantsEvents('order_state', symbol)) frames.push(['order_state', payload]);
    }
    return frames;
  }

  /** `undefined`: it has never been used. */
  account(name: string): AccountReplica | undefined {
    return this.#accounts.get(name);
  }

  /**
   * All balances, as an `account` event; those of an account that has never been used are what each begins with.
   * `undefined` while nothing has told what that is.
   */
  balances(name: string): string | undefined {
    const balances = this.#accounts.get(name)?.balances ?? this.#startingBalances;
    return balances && this.#balancesEvent(balances);
  }

  /** From a newer state than the table began with. */
  learnStartingBalances(stored: StoredAccounts): void {
    const { startingBalances } = Object.fromEntries(rawMembers(stored.state)) as StoredMembers;
    this.#startingBalances = startingBalances && copied(startingBalances);
  }

  /** Another engine has taken over, and may give new accounts something else. */
  forgetStartingBalances(): void {
    this.#startingBalances = undefined;
  }

  /** An order of one account too many opens none: who makes up names would else fill this table. */
  #applyOrder(account: string, payload: string): void {
    if (this.#accounts.has(account) || !payload.includes('"reason":"account_limit"')) {
      this.#of(account).applyOrder(payload);
    }
  }

  #balancesEvent(balances: string): string {
    return `{"type":"account","ts_ns":${this.#options.tsNs()},"balances":${balances}}`;
  }

  #of(name: string): AccountReplica {
    let account = this.#accounts.get(name);
    if (!account) {
      account = new AccountReplica();
      this.#accounts.set(name, account);
    }
    return account;
  }
}

function restored(json: string): AccountReplica {
  const account = new AccountReplica();
  const { balances, positions, orders } = Object.fromEntries(rawMembers(json)) as StoredMembers;
  account.applyBalances(copied(balances ?? '[]'));
  for (const position of rawItems(positions ?? '[]')) account.applyPosition(copied(position));
  const payloads = rawItems(orders ?? '[]').map(copied);
  // Open ones by their age, then those that have ended, the newest first.
  const firstEnded = payloads.findIndex((payload) => !isOpenStatus((JSON.parse(payload) as OrderState).status));
  const ended = firstEnded < 0 ? [] : payloads.splice(firstEnded);
  for (const order of [...payloads, ...ended.reverse()]) account.applyOrder(order);
  return account;
}

/** A part of a text keeps the whole of it in memory, and what is stored may be large. */
function copied(part: string): string {
  return Buffer.from(part).toString();
}
