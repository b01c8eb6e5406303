/** Amounts as text. */
export type LedgerMemory = readonly [asset: string, deposited: string, counterparty: string];

interface AssetLedger {
  deposited: bigint;
  counterparty: bigint;
}

/** What came into the accounts and, by trades, went out to those that have none: the order flow and the venues. */
export class Ledger {
  readonly #assets = new Map<string, AssetLedger>();

  static restore(memory: readonly LedgerMemory[]): Ledger {
    const ledger = new Ledger();
    for (const [asset, deposited, counterparty] of memory) {
      ledger.#assets.set(asset, { deposited: BigInt(deposited), counterparty: BigInt(counterparty) });
    }
    return ledger;
  }

  memory(): LedgerMemory[] {
    return Array.from(this.#assets, ([asset, of]) => [asset, String(of.deposited), String(of.counterparty)]);
  }

  assets(): Iterable<[string, Readonly<AssetLedger>]> {
    return this.#assets;
  }

  deposit(asset: string, amount: bigint): void {
    this.#of(asset).deposited += amount;
  }

  /** @param amount below 0 when the accounts got it from those. */
  pay(asset: string, amount: bigint): void {
    this.#of(asset).counterparty += amount;
  }

  #of(asset: string): AssetLedger {
    let ledger = this.#assets.get(asset);
    if (ledger === undefined) {
      ledger = { deposited: 0n, counterparty: 0n };
      this.#assets.set(asset, ledger);
    }
    return ledger;
  }
}
