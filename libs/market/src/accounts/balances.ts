import { amountText } from './amount.ts';

/** Assets with what is free and locked of them, in units: `USD 100 5,BTC 2 0`. */
export type BalancesMemory = string;

interface Balance {
  readonly asset: string;
  free: bigint;
  locked: bigint;
  /** As they were last said. */
  saidFree: bigint;
  saidLocked: bigint;
}

/**
 * One account's assets: what it may use and what its open orders hold. No amount ever falls below 0: what would bring
 * it there is refused by {@link lock}, and thrown as a defect anywhere else.
 */
export class Balances {
  readonly #assets = new Map<string, Balance>();
  readonly #touched = new Set<Balance>();
  /** Kept until something changes: of ten thousand accounts only a few do from one snapshot to the next. */
  #memory: BalancesMemory | undefined;
  #json: string | undefined;

  constructor(memory: BalancesMemory) {
    this.#memory = memory;
    for (const text of memory === '' ? [] : memory.split(',')) {
      const [asset, free, locked] = text.split(' ') as [string, string, string];
      const balance = this.#of(asset);
      balance.free = balance.saidFree = BigInt(free);
      balance.locked = balance.saidLocked = BigInt(locked);
    }
  }

  memory(): BalancesMemory {
    this.#memory ??= Array.from(this.#assets.values(), ({ asset, free, locked }) => `${asset} ${free} ${locked}`).join(
      ',',
    );
    return this.#memory;
  }

  assets(): Iterable<{ readonly asset: string; readonly free: bigint; readonly locked: bigint }> {
    return this.#assets.values();
  }

  freeOf(asset: string): bigint {
    return this.#assets.get(asset)?.free ?? 0n;
  }

  /** Whether these amounts are free and there is nothing else. */
  equal(amounts: ReadonlyMap<string, bigint>): boolean {
    for (const { asset, free, locked } of this.#assets.values()) {
      if (locked !== 0n || free !== (amounts.get(asset) ?? 0n)) return false;
    }
    for (const [asset, amount] of amounts) {
      if (amount !== 0n && !this.#assets.has(asset)) return false;
    }
    return true;
  }

  /** False, and nothing has changed, when there is not so much free. */
  lock(asset: string, amount: bigint): boolean {
    const balance = this.#assets.get(asset);
    if (balance === undefined || balance.free < amount) return false;
    balance.free -= amount;
    balance.locked += amount;
    this.#touch(balance);
    return true;
  }

  /** Takes so much out of what is locked: `spent` of it is gone, the rest is free again. */
  release(asset: string, amount: bigint, spent: bigint): void {
    const balance = this.#of(asset);
    if (amount > balance.locked || spent > amount) {
      throw new Error(`${asset}: ${spent} of ${amount} cannot be spent, ${balance.locked} are locked`);
    }
    balance.locked -= amount;
    balance.free += amount - spent;
    this.#touch(balance);
  }

  receive(asset: string, amount: bigint): void {
    const balance = this.#of(asset);
    balance.free += amount;
    this.#touch(balance);
  }

  /** JSON of the list of those that have changed since they were last said, '' when none has. */
  takeChanged(): string {
    let json = '';
    for (const balance of this.#touched) {
      if (balance.free === balance.saidFree && balance.locked === balance.saidLocked) continue;
      balance.saidFree = balance.free;
      balance.saidLocked = balance.locked;
      json += `${json === '' ? '[' : ','}${balanceJson(balance)}`;
    }
    this.#touched.clear();
    return json === '' ? '' : `${json}]`;
  }

  /** JSON of the list of all. */
  json(): string {
    this.#json ??= `[${Array.from(this.#assets.values(), balanceJson).join(',')}]`;
    return this.#json;
  }

  #touch(balance: Balance): void {
    this.#touched.add(balance);
    this.#memory = undefined;
    this.#json = undefined;
  }

  #of(asset: string): Balance {
    let balance = this.#assets.get(asset);
    if (balance === undefined) {
      balance = { asset, free: 0n, locked: 0n, saidFree: 0n, saidLocked: 0n };
      this.#assets.set(asset, balance);
    }
    return balance;
  }
}

function balanceJson({ asset, free, locked }: Balance): string {
  return `{"asset":"${asset}","free":${amountText(free)},"locked":${amountText(locked)}}`;
}
