import { eventTopic, formatTsNs, type LogEvent, type OrderSide } from '@depthcast/protocol';
import { AVERAGE_EXTRA_DECIMALS, divideHalfUp } from '../folds/number-text.ts';
import { AMOUNT_ONE, amountText, averageText, parseAmount } from './amount.ts';

const NEVER = -1;

/** Account, symbol, then what {@link Position} keeps, separated by spaces: there may be twenty thousand. */
export type PositionMemory = string;

/**
 * What an account's fills in one symbol have come to, by average cost. In amounts of 10^-18 of the base and the quote
 * asset, and so independent of the symbol's tick and step, which may change under it.
 */
export class Position {
  readonly account: string;
  readonly symbol: string;
  /** Bought less sold, of the base asset. */
  #qty = 0n;
  /** What is open has cost so much (long), or was sold for so much (short): an amount ≥ 0 of the quote asset. */
  #cost = 0n;
  #realized = 0n;
  #averageDecimals = 0;
  /** The price that it was last valued at. */
  #mark = '';
  /** Time of its last event, -1 before the first fill. */
  #saidUs = NEVER;
  /** Kept until something changes, as all positions are asked for these whenever a snapshot is made. */
  #memory: PositionMemory | undefined;
  #json: string | undefined;

  constructor(account: string, symbol: string) {
    this.account = account;
    this.symbol = symbol;
  }

  static restore(memory: PositionMemory): Position {
    const [account, symbol, qty, cost, realized, averageDecimals, saidUs, mark] = memory.split(' ') as [
      ...[string, string, string, string, string, string, string, string],
    ];
    const position = new Position(account, symbol);
    position.#qty = BigInt(qty);
    position.#cost = BigInt(cost);
    position.#realized = BigInt(realized);
    position.#averageDecimals = Number(averageDecimals);
    position.#mark = mark;
    position.#saidUs = Number(saidUs);
    position.#memory = memory;
    return position;
  }

  memory(): PositionMemory {
    this.#memory ??= [
      ...[this.account, this.symbol, this.#qty, this.#cost, this.#realized],
      ...[this.#averageDecimals, this.#saidUs, this.#mark],
    ].join(' ');
    return this.#memory;
  }

  /** Whether there has been an event of it. */
  get isSaid(): boolean {
    return this.#saidUs !== NEVER;
  }

  /** Whether something is open that is no longer worth what was said. */
  isMovedBy(mark: string): boolean {
    return this.#qty !== 0n && mark !== this.#mark && mark !== '';
  }

  /**
   * What reduces it realizes the difference to its share of the cost, which is rounded to 10^-18, halves up; the last
   * of it takes what is left of the cost, so nothing is lost to rounding. What goes beyond 0 opens the other way.
   *
   * @param base amount of the base asset, above 0.
   * @param quote what it came to.
   */
  fill(side: OrderSide, base: bigint, quote: bigint, priceDecimals: number): void {
    this.#forgetTexts();
    this.#averageDecimals = priceDecimals + AVERAGE_EXTRA_DECIMALS;
    const signed = side === 'BUY' ? base : -base;
    const open = absolute(this.#qty);
    if (open === 0n || this.#qty > 0n === signed > 0n) {
      this.#qty += signed;
      this.#cost += quote;
      return;
    }
    const closed = base < open ? base : open;
    const closedQuote = closed === base ? quote : (quote * closed) / base;
    const closedCost = closed === open ? this.#cost : divideHalfUp(this.#cost * closed, open);
    this.#realized += this.#qty > 0n ? closedQuote - closedCost : closedCost - closedQuote;
    this.#qty += signed;
    this.#cost = base > open ? quote - closedQuote : this.#cost - closedCost;
  }

  /** The `position` event at this price of the base asset. While there is none, '', what is open is valued at its cost. */
  say(tsUs: number, mark: string): LogEvent {
    this.#forgetTexts();
    this.#saidUs = tsUs;
    this.#mark = mark;
    return { topic: eventTopic('position', this.symbol, this.account), payload: this.json() };
  }

  /** The payload of the last event, between two inputs. */
  json(): string {
    this.#json ??= `{"type":"position","ts_ns":${formatTsNs(this.#saidUs)},"symbol":"${this.symbol}","qty":${amountText(this.#qty)},"avg_price":${averageText(this.#cost, absolute(this.#qty), this.#averageDecimals)},"realized_pnl":${amountText(this.#realized)},"unrealized_pnl":${amountText(this.#unrealized())}}`;
    return this.#json;
  }

  #forgetTexts(): void {
    this.#memory = undefined;
    this.#json = undefined;
  }

  #unrealized(): bigint {
    if (this.#qty === 0n || this.#mark === '') return 0n;
    const worth = (parseAmount(this.#mark, 'mark') * this.#qty) / AMOUNT_ONE;
    return this.#qty > 0n ? worth - this.#cost : worth + this.#cost;
  }
}

function absolute(n: bigint): bigint {
  return n < 0n ? -n : n;
}
