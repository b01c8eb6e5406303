import { SeededRandom } from '../seeded-random.ts';

const RESTING = 400;
const MIDDLE_TICKS = 4_500_000;
const WIDTH_TICKS = 2_000;
/** Of the orders: those that cross. */
const TRADING_SHARE = 0.42;
const START_US = 1_767_225_600_000_000;
/** So many inputs are a second of event time: the clock then has its usual share of the events. */
const PER_SECOND = 50_000;

/** One entry of the inbox: topic and payload. */
export type FlowEntry = readonly [topic: string, payload: string];

/**
 * Order flow of one matched symbol, as a venue sends it: orders that rest near the middle, a cancel for each once it
 * has become old, and many that trade. About three events an input.
 */
export class Flow {
  readonly #symbol: string;
  readonly #perSecond: number;
  readonly #random = new SeededRandom(11);
  readonly #live: string[] = [];
  #seq = 0;
  #orders = 0;
  #seconds = 0;

  constructor(symbol: string, perSecond = PER_SECOND) {
    this.#symbol = symbol;
    this.#perSecond = perSecond;
  }

  /** What comes before the first order. */
  opening(): FlowEntry[] {
    const tsRecvUs = START_US;
    const trading = { baseAsset: 'BTC', quoteAsset: 'USD', lot: '1', minQty: '1', maxQty: '1000000', minNotional: '1' };
    const definition = { venue: 'bench', tick: '0.01', step: '1', depthRule: 'matched', quotes: false, trading };
    return [
      this.#entry('symbol', { tsRecvUs, ...definition }),
      this.#entry('feed', { tsRecvUs, tsEventUs: tsRecvUs, status: 'up', reason: 'bench' }),
    ];
  }

  next(): FlowEntry {
    const tsEventUs = START_US + Math.floor((this.#seq * 1_000_000) / this.#perSecond);
    if (this.#seq % this.#perSecond === 0) return this.clock();
    const times = { tsRecvUs: tsEventUs, tsEventUs };
    if (this.#live.length >= RESTING) {
      return this.#entry('cancel', { ...times, orderId: this.#live.shift() as string });
    }
    const random = this.#random;
    const side = random.unit() < 0.5 ? 'BUY' : 'SELL';
    const trades = random.unit() < TRADING_SHARE;
    const away = Math.floor(random.unit() * random.unit() * WIDTH_TICKS);
    const sign = (side === 'BUY') === trades ? 1 : -1;
    const price = (MIDDLE_TICKS + sign * (1 + (trades ? WIDTH_TICKS : away))) / 100;
    const orderId = `s${++this.#orders}`;
    const qty = String(1 + Math.floor(random.unit() * 100));
    if (!trades) this.#live.push(orderId);
    const tif = trades ? { tif: 'IOC' } : {};
    return this.#entry('order', { ...times, orderId, side, qty, price: price.toFixed(2), ...tif });
  }

  /** The next second: it always gives an event, so the tip shows that everything before it has been applied. */
  clock(): FlowEntry {
    const second = START_US / 1_000_000 + ++this.#seconds;
    const payload = { src: 'bench', seq: ++this.#seq, type: 'clock', tsRecvUs: second * 1_000_000, second };
    return ['clock', JSON.stringify(payload)];
  }

  #entry(type: string, fields: object): FlowEntry {
    const payload = { src: 'bench', seq: ++this.#seq, type, symbol: this.#symbol, ...fields };
    return [`${type}:${this.#symbol}`, JSON.stringify(payload)];
  }
}
