import type { LogEntry, StoredAccounts } from '@depthcast/log';
import { BEGINNING, type Cursor, compareCursors, successor } from '@depthcast/protocol';
import type { Filter } from '../fanout/filter.ts';
import type { Topic } from '../fanout/topics.ts';
import type { TailStart } from '../tail/tail-loop.ts';
import { AccountReplica } from './account-replica.ts';
import { EndedOrders } from './ended-orders.ts';
import { rawMembers } from './raw-json.ts';
import { copied, readAccountsState } from './stored-accounts.ts';

export interface AccountTableOptions {
  /** `ts_ns` of how things stand. */
  readonly tsNs: () => string;
  /** An order's event has come for the first time, and the account shows it. */
  readonly onOrder: (account: string, type: 'order_update' | 'order_state', payload: string) => void;
  /** The accounts are not known any more: {@link AccountTable.renew} until they are. */
  readonly onUnknown: () => void;
  /** What was stored, or an event, could not be read. */
  readonly onUnreadable: (what: string, error: Error) => void;
  readonly endedOrdersMax?: number;
}

/** Twice what an engine has at once: it forgets some that are as new ones are, and does not say so. */
const ACCOUNTS_MAX = 20_000;
/** Ended orders of all accounts. The engine stores half as many with its snapshots. */
const ENDED_ORDERS_MAX = 20_000;
/** The engine stores its accounts at least every 50,000 events unless it is told otherwise. */
const EVENTS_SINCE_MAX = 100_000;

/** A private event, kept until it is known what it is to be applied to. */
interface PrivateEvent {
  readonly cursor: Cursor;
  readonly type: string;
  readonly account: string;
  readonly payload: string;
}

/** What is to be stored before the accounts are known again, and what has come since. */
interface Unknown {
  /** What is stored must be as of this cursor or a later one. */
  from: Cursor;
  since: PrivateEvent[];
}

/**
 * All accounts as of the last entry read: what the engine stored with its snapshot, and the private events since. As
 * bounded as the engine's own accounts are.
 *
 * The events go on from what came before them as long as the engine's state does. It need not where an epoch begins, or
 * where an engine of another version takes over: from there on the accounts are unknown until they have been stored
 * anew, which an engine does before it appends anything, or with its next snapshot.
 */
export class AccountTable {
  readonly #options: AccountTableOptions;
  #accounts = new Map<string, AccountReplica>();
  #ended: EndedOrders;
  /** Everything up to here is in what was stored. */
  #cursor: Cursor | undefined;
  #startingBalances: string | undefined;
  /** Of the logic that the accounts are of. */
  #version: string | undefined;
  #unknown: Unknown | undefined;
  /** The orders' events up to here have been told. */
  #told: Cursor | undefined;

  constructor(options: AccountTableOptions) {
    this.#options = options;
    this.#ended = this.#noneEnded();
  }

  /** Whether the accounts are as the engine has them. Until then only what has happened since is here. */
  get isKnown(): boolean {
    return this.#unknown === undefined;
  }

  /** Forgets the accounts of a timeline that may be no more. */
  restart({ accounts, version, after, earliest, target }: Omit<TailStart, 'books' | 'timeline'>): void {
    this.#forget();
    this.#version = version;
    this.#unknown = undefined;
    // Cursors rise for as long as there is a log. One that ends in an older epoch is another one, begun anew by a Redis
    // whose clock is behind, and what it holds already is history.
    if (this.#told && target.epoch < this.#told.epoch) this.#told = target;
    if (!accounts) this.#doubt(after ?? earliest ?? BEGINNING);
    else if (!this.#load(accounts)) this.#doubt(successor(accounts.cursor));
  }

  /** An epoch begins. Of one whose reason is `start` the engine knows no accounts, or none but those that follow. */
  onEpoch({ epoch, offset }: Cursor, reason: string): void {
    const cursor = { epoch, offset };
    if (this.#isStored(cursor)) return;
    if (reason !== 'start') {
      this.#doubt(cursor);
      return;
    }
    this.#forget();
    this.#unknown = undefined;
  }

  /** An engine has taken over, with the events that come after the cursor. */
  onEngine(cursor: Cursor, version: string): void {
    if (this.#isStored(cursor) || version === this.#version) return;
    this.#version = version;
    // It has stored its own accounts at the end of the log that it found.
    this.#doubt({ epoch: cursor.epoch, offset: Math.max(0, cursor.offset - 1) });
  }

  /** What is stored now, as long as the accounts are unknown. @returns whether they are known. */
  renew(stored: StoredAccounts): boolean {
    const unknown = this.#unknown;
    if (!unknown) return true;
    if (compareCursors(stored.cursor, unknown.from) < 0) return false;
    this.#forget();
    if (!this.#load(stored)) {
      // Once is enough to find that out.
      unknown.from = successor(stored.cursor);
      for (const event of unknown.since) this.#apply(event);
      return false;
    }
    this.#unknown = undefined;
    for (const event of unknown.since) if (!this.#isStored(event.cursor)) this.#apply(event);
    return true;
  }

  /** An entry of the log; only private ones are of interest. */
  apply(entry: LogEntry, { type, account }: Topic): void {
    if (account === undefined) return;
    const isStored = this.#isStored(entry);
    const isTold = this.#told !== undefined && compareCursors(entry, this.#told) <= 0;
    if (isStored && isTold) return;
    const cursor = { epoch: entry.epoch, offset: entry.offset };
    const event: PrivateEvent = { cursor, type, account, payload: entry.payload.toString() };
    if (!isStored) {
      this.#apply(event);
      if (this.#unknown) this.#remember(event, this.#unknown);
    }
    if (!isTold) this.#tell(event);
  }

  /** How a filter's account stands, as events of the types and symbols that it wants; orders from the oldest up. */
  shown(filter: Filter): [type: string, payload: string][] {
    const account = filter.account === undefined || !this.isKnown ? undefined : this.#accounts.get(filter.account);
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

  /** `undefined`: it has never been used, or not since the accounts are unknown. */
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
    const { startingBalances } = Object.fromEntries(rawMembers(stored.state));
    this.#startingBalances = startingBalances && copied(startingBalances);
  }

  #noneEnded(): EndedOrders {
    return new EndedOrders(this.#options.endedOrdersMax ?? ENDED_ORDERS_MAX);
  }

  #forget(): void {
    this.#accounts = new Map();
    this.#ended = this.#noneEnded();
    this.#cursor = undefined;
    this.#startingBalances = undefined;
  }

  #doubt(from: Cursor): void {
    this.#forget();
    this.#unknown = { from, since: [] };
    this.#options.onUnknown();
  }

  /** Whether what is told at a cursor was in what was stored. */
  #isStored(cursor: Cursor): boolean {
    return this.#cursor !== undefined && compareCursors(cursor, this.#cursor) <= 0;
  }

  /** @returns false, with nothing in the table, when it cannot be read. */
  #load(stored: StoredAccounts): boolean {
    try {
      this.#startingBalances = readAccountsState(stored.state, (name) => this.#of(name));
      this.#cursor = stored.cursor;
      return true;
    } catch (error) {
      this.#forget();
      this.#options.onUnreadable('stored accounts', error as Error);
      return false;
    }
  }

  /** More than there is room for were not worth keeping: what is stored must then be newer. */
  #remember(event: PrivateEvent, unknown: Unknown): void {
    unknown.since.push(event);
    if (unknown.since.length <= EVENTS_SINCE_MAX) return;
    unknown.since = [];
    unknown.from = event.cursor;
  }

  #apply({ type, account, payload }: PrivateEvent): void {
    try {
      if (type === 'order_state') this.#applyOrder(account, payload);
      else if (type === 'account') this.#of(account).applyAccount(payload);
      else if (type === 'position') this.#of(account).applyPosition(payload);
    } catch (error) {
      this.#options.onUnreadable(`${type} of account ${account}`, error as Error);
    }
  }

  /** Once: whoever asks later must not be answered by what was said to somebody before. */
  #tell({ cursor, type, account, payload }: PrivateEvent): void {
    this.#told = cursor;
    if (type !== 'order_update' && type !== 'order_state') return;
    try {
      this.#options.onOrder(account, type, payload);
    } catch (error) {
      this.#options.onUnreadable(`${type} of account ${account}`, error as Error);
    }
  }

  /** An order of one account too many opens none: who makes up names would else fill this table. */
  #applyOrder(account: string, payload: string): void {
    if (!this.#accounts.has(account)) {
      if (payload.includes('"reason":"account_limit"')) return;
      // It is the first event of its input: of those before it everything has been told, balances and positions too.
      if (this.#accounts.size >= ACCOUNTS_MAX) this.#forgetNew();
    }
    this.#of(account).applyOrder(payload);
  }

  #balancesEvent(balances: string): string {
    return `{"type":"account","ts_ns":${this.#options.tsNs()},"balances":${balances}}`;
  }

  #forgetNew(): void {
    for (const [name, account] of this.#accounts) if (account.isAsNew) this.#accounts.delete(name);
  }

  #of(name: string): AccountReplica {
    let account = this.#accounts.get(name);
    if (!account) {
      account = new AccountReplica(this.#ended);
      this.#accounts.set(name, account);
    }
    return account;
  }
}
