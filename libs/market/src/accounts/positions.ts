import type { LogEvent } from '@depthcast/protocol';
import { Position, type PositionMemory } from './position.ts';

/** So many positions at most are said in a second because their mark has moved; the others have their turn then. */
export const MOVED_POSITIONS_MAX = 1_000;

/** The text of a symbol's last `market` price, '' before the first. */
export type MarkOf = (symbol: string) => string;

const US_PER_SECOND = 1_000_000;

interface AccountPositions {
  readonly bySymbol: Map<string, Position>;
  readonly touched: Set<Position>;
}

/** The positions of all accounts. */
export class Positions {
  readonly #accounts = new Map<string, AccountPositions>();
  /** In the order in which they came to be. */
  #all: Position[] = [];
  /** Index in it of the one whose turn with the clock is next. */
  #turn = 0;

  get count(): number {
    return this.#all.length;
  }

  get turn(): number {
    return this.#turn;
  }

  memory(): PositionMemory[] {
    return this.#all.map((position) => position.memory());
  }

  restore(memory: readonly PositionMemory[], turn: number): void {
    for (const position of memory) this.#add(Position.restore(position));
    this.#turn = turn;
  }

  has(account: string, symbol: string): boolean {
    return this.#accounts.get(account)?.bySymbol.has(symbol) ?? false;
  }

  /** The account's position in the symbol, an empty one if there was none. */
  of(account: string, symbol: string): Position {
    return this.#accounts.get(account)?.bySymbol.get(symbol) ?? this.#add(new Position(account, symbol));
  }

  /** Whether there has been a `position` event of the account. */
  isSaidOf(account: string): boolean {
    for (const { isSaid } of this.#accounts.get(account)?.bySymbol.values() ?? []) {
      if (isSaid) return true;
    }
    return false;
  }

  /** Those of these accounts, of which none has been said. */
  forget(accounts: ReadonlySet<string>): void {
    for (const account of accounts) this.#accounts.delete(account);
    const all = this.#all;
    const stays = ({ account }: Position) => !accounts.has(account);
    // The turn stays with the position that has it, or goes to the one after.
    this.#turn = all.slice(0, this.#turn).filter(stays).length;
    this.#all = all.filter(stays);
    if (this.#turn === this.#all.length) this.#turn = 0;
  }

  /** Payloads of the account's last `position` events. */
  json(account: string): string[] {
    const positions = this.#accounts.get(account)?.bySymbol.values() ?? [];
    return Array.from(positions)
      .filter(({ isSaid }) => isSaid)
      .map((position) => position.json());
  }

  /** Something of it has changed; {@link settle} says so. */
  touch(position: Position): void {
    this.#accounts.get(position.account)?.touched.add(position);
  }

  settle(account: string, tsUs: number, markOf: MarkOf, events: LogEvent[]): void {
    const positions = this.#accounts.get(account);
    if (positions === undefined) return;
    for (const position of positions.touched) events.push(position.say(tsUs, markOf(position.symbol)));
    positions.touched.clear();
  }

  onClock(second: number, markOf: MarkOf, events: LogEvent[]): void {
    const all = this.#all;
    let room = MOVED_POSITIONS_MAX;
    for (let i = 0; i < all.length && room > 0; i++) {
      const position = all[this.#turn] as Position;
      this.#turn = (this.#turn + 1) % all.length;
      const mark = markOf(position.symbol);
      if (!position.isMovedBy(mark)) continue;
      events.push(position.say(second * US_PER_SECOND, mark));
      room--;
    }
  }

  #add(position: Position): Position {
    const { account, symbol } = position;
    let positions = this.#accounts.get(account);
    if (positions === undefined) {
      positions = { bySymbol: new Map(), touched: new Set() };
      this.#accounts.set(account, positions);
    }
    positions.bySymbol.set(symbol, position);
    this.#all.push(position);
    return position;
  }
}
