import { eventTopic, formatTsNs, type LogEvent, type OrderSide } from '@depthcast/protocol';
import { AVERAGE_EXTRA_DECIMALS, divideHalfUp } from '../folds/number-text.ts';
import { AMOUNT_ONE, amountText, averageText, parseAmount } from './amount.ts';

const NEVER = -1;

/** Amounts as text. */
export interface PositionMemory {
  readonly account: string;
  readonly symbol: string;
  readonly qty: string;
  readonly cost: string;
  readonly realized: string;
  readonly averageDecimals: number;
  readonly mark: string;
  readonly saidUs: number;
}

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

  constructor(account: string, symbol: string) {
    this.account = account;
    this.symbol = symbol;
  }

  static restore(memory: PositionMemory): Position {
    const position = new Position(memory.account, memory.symbol);
    position.#qty = BigInt(memory.qty);
    position.#cost = BigInt(memory.cost);
    position.#realized = BigInt(memory.realized);
    position.#averageDecimals = memory.averageDecimals;
    position.#mark = memory.mark;
    position.#saidUs = memory.saidUs;
    return position;
  }

  memory(): PositionMemory {
    return {
      account: this.account,
      symbol: this.symbol,
      qty: String(this.#qty),
      cost: String(this.#cost),
      realized: String(this.#realized),
      averageDecimals: this.#averageDecimals,
      mark: this.#mark,
      saidUs: this.#saidUs,
    };
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
    this.#saidUs = tsUs;
    this.#mark = mark;
    return { topic: eventTopic('position', this.symbol, this.account), payload: this.json() };
  }

  /** The payload of the last event, between two inputs. */
  json(): string {
    return `{"type":"position","ts_ns":${formatTsNs(this.#saidUs)},"symbol":"${this.symbol}","qty":${amountText(this.#qty)},"avg_price":${averageText(this.#cost, absolute(this.#qty), this.#averageDecimals)},"realized_pnl":${amountText(this.#realized)},"unrealized_pnl":${amountText(this.#unrealized())}}`;
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
