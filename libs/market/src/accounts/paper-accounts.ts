import type { LogEvent } from '@depthcast/protocol';
import { Balances, type BalancesMemory } from './balances.ts';
import { Ledger, type LedgerMemory } from './ledger.ts';
import { accountEvent } from './private-event-writer.ts';
import type { StartingBalance } from './starting-balances.ts';

export interface PaperAccountsMemory {
  readonly ledger: readonly LedgerMemory[];
  readonly accounts: readonly (readonly [name: string, balances: BalancesMemory])[];
}

/** Of one asset, in amounts of 10^-18. Between two inputs `free + locked + counterparty === deposited`. */
export interface AssetAudit {
  /** What the accounts began with. */
  deposited: bigint;
  free: bigint;
  locked: bigint;
  /** What the open orders hold, by their own account; the same as `locked`. */
  lockedByOrders: bigint;
  /** What the order flow and the venues have taken, less what they have given. */
  counterparty: bigint;
}

/** The balances of all accounts, what of them has changed since it was last said, and where it all came from. */
export class PaperAccounts {
  readonly #starting: BalancesMemory;
  readonly #startingAmounts: ReadonlyMap<string, bigint>;
  readonly #accountsMax: number;
  readonly #accounts = new Map<string, Balances>();
  readonly #ledger: Ledger;
  /** Accounts that this input may have changed, and of them the new ones. */
  readonly #touched = new Set<string>();
  readonly #opened = new Set<string>();

  constructor(starting: readonly StartingBalance[], accountsMax: number, memory: PaperAccountsMemory) {
    this.#starting = starting.map(({ asset, amount }) => `${asset} ${amount} 0`).join(',');
    this.#startingAmounts = new Map(starting.map(({ asset, amount }) => [asset, amount]));
    this.#accountsMax = accountsMax;
    this.#ledger = Ledger.restore(memory.ledger);
    for (const [name, balances] of memory.accounts) this.#accounts.set(name, new Balances(balances));
  }

  memory(): PaperAccountsMemory {
    return {
      ledger: this.#ledger.memory(),
      accounts: Array.from(this.#accounts, ([name, balances]) => [name, balances.memory()] as const),
    };
  }

  get isFull(): boolean {
    return this.#accounts.size >= this.#accountsMax;
  }

  has(name: string): boolean {
    return this.#accounts.has(name);
  }

  /** Gives a new account the starting balances. */
  open(name: string): void {
    if (this.#accounts.has(name)) return;
    this.#accounts.set(name, new Balances(this.#starting));
    for (const [asset, amount] of this.#startingAmounts) this.#ledger.deposit(asset, amount);
    this.#opened.add(name);
    this.#touched.add(name);
  }

  /**
   * Forgets those that may go and have exactly the starting balances: with these they would begin again.
   *
   * @returns their names.
   */
  forget(mayGo: (name: string) => boolean): Set<string> {
    const forgotten = new Set<string>();
    for (const [name, balances] of this.#accounts) {
      if (mayGo(name) && balances.equal(this.#startingAmounts)) forgotten.add(name);
    }
    for (const name of forgotten) {
      this.#accounts.delete(name);
      for (const [asset, amount] of this.#startingAmounts) this.#ledger.deposit(asset, -amount);
    }
    return forgotten;
  }

  /** What of an asset the account, which has been opened, may use. */
  freeOf(name: string, asset: string): bigint {
    return this.#accounts.get(name)?.freeOf(asset) ?? 0n;
  }

  /** To be changed. @param name an account that has been opened. */
  balancesOf(name: string): Balances {
    this.#touched.add(name);
    return this.#accounts.get(name) as Balances;
  }

  /** An account's trade was with one who has none, who got so much; below 0, who gave it. */
  payCounterparty(asset: string, amount: bigint): void {
    this.#ledger.pay(asset, amount);
  }

  /**
   * Tells of each account that has been touched what of its balances is no longer as it was, all of them when it is
   * new; then calls `next` for it.
   */
  settle(tsUs: number, events: LogEvent[], next: (account: string) => void): void {
    for (const name of this.#touched) {
      const balances = this.#accounts.get(name) as Balances;
      const changed = balances.takeChanged();
      const json = this.#opened.has(name) ? balances.json() : changed;
      if (json !== '') events.push(accountEvent(name, json, tsUs));
      next(name);
    }
    this.#touched.clear();
    this.#opened.clear();
  }

  /** JSON of the balances that a new account has. */
  startingJson(): string {
    return new Balances(this.#starting).json();
  }

  /** Names, and JSON of the balances. */
  json(): [string, string][] {
    return Array.from(this.#accounts, ([name, balances]) => [name, balances.json()]);
  }

  audit(openOrders: Iterable<{ readonly lockedAsset: string; readonly locked: bigint }>): Map<string, AssetAudit> {
    const audits = new Map<string, AssetAudit>();
    const of = (asset: string): AssetAudit => {
      const audit = audits.get(asset) ?? { deposited: 0n, free: 0n, locked: 0n, lockedByOrders: 0n, counterparty: 0n };
      audits.set(asset, audit);
      return audit;
    };
    for (const [asset, { deposited, counterparty }] of this.#ledger.assets()) {
      Object.assign(of(asset), { deposited, counterparty });
    }
    for (const balances of this.#accounts.values()) {
      for (const { asset, free, locked } of balances.assets()) {
        of(asset).free += free;
        of(asset).locked += locked;
      }
    }
    for (const { lockedAsset, locked } of openOrders) of(lockedAsset).lockedByOrders += locked;
    return audits;
  }
}
