import { InboxProducer, type PartitionKeys, type RedisClient } from '@depthcast/log';
import type { UnstampedInput } from '@depthcast/protocol';
import type { Random } from '../random.ts';
import type { Ledger, Promised } from './ledger.ts';

/** Numbers that are never given twice in a run. */
export interface Counters {
  trade: number;
  update: number;
  order: number;
}

export interface ProducerOptions {
  readonly name: string;
  readonly client: RedisClient;
  readonly keys: PartitionKeys;
  readonly random: Random;
  readonly ledger: Ledger;
  readonly counters: Counters;
}

const LEVELS = 'LVL';
const MATCHED = 'MTC';
const TRADING = {
  baseAsset: 'BTC',
  quoteAsset: 'USD',
  lot: '0.01',
  minQty: '0.01',
  maxQty: '1000',
  minNotional: '1',
};

const nowUs = () => Date.now() * 1_000;
const times = () => ({ tsEventUs: nowUs(), tsRecvUs: nowUs() });

/** Market data, as an ingest sends it: a symbol of price levels, one of orders that are matched, and the clock. */
export class Ingest {
  readonly #options: ProducerOptions;
  readonly #producer: InboxProducer;
  readonly #src: string;
  #second = 0;
  #flow: string[] = [];

  constructor(options: ProducerOptions) {
    this.#options = options;
    this.#src = options.name;
    const { client, keys } = options;
    this.#producer = new InboxProducer({ client, keys, src: this.#src, onRecovered: () => this.#begin() });
    this.#begin();
  }

  /** A few inputs at once. */
  act(): void {
    const { random } = this.#options;
    const second = Math.floor(Date.now() / 1_000);
    if (second > this.#second) this.#push({ type: 'clock', second, tsRecvUs: nowUs() });
    this.#second = second;
    for (let i = random.int(1, 4); i > 0; i--) this.#one();
  }

  isDone(): boolean {
    return this.#producer.queuedInputs === 0;
  }

  #begin(): void {
    const tsRecvUs = nowUs();
    const common = { type: 'symbol', venue: 'test', quotes: false, trading: TRADING, tsRecvUs } as const;
    this.#push({ ...common, symbol: LEVELS, tick: '0.01', step: '0.01', depthRule: 'spot' });
    this.#push({ ...common, symbol: MATCHED, tick: '0.01', step: '0.01', depthRule: 'matched' });
    for (const symbol of [LEVELS, MATCHED]) {
      this.#push({ type: 'feed', symbol, status: 'up', reason: 'start', ...times() });
    }
    const last = this.#options.counters.update;
    const [bids, asks]: [[string, string][], [string, string][]] = [[['99.00', '50']], [['101.00', '50']]];
    this.#push({ type: 'depth_snapshot', symbol: LEVELS, last, bids, asks, ...times() });
    this.#flow = [];
  }

  #one(): void {
    const { random, counters } = this.#options;
    switch (random.weighted({ trade: 5, depth: 2, order: 4, cancel: 2 })) {
      case 'trade': {
        const tradeId = ++counters.trade;
        const [price, qty, side] = [`${random.int(99, 101)}.00`, `0.${random.int(10, 99)}`, random.pick(SIDES)];
        const input = { type: 'trade', symbol: LEVELS, tradeId, price, qty, side, ...times() } as const;
        this.#push(input, this.#options.ledger.promise(`trade ${tradeId}`, this.#src));
        break;
      }
      case 'depth': {
        const update = ++counters.update;
        const level: [string, string] = [`${random.int(95, 99)}.00`, String(random.int(0, 40))];
        const input = { type: 'depth', symbol: LEVELS, first: update, last: update, ...times() } as const;
        this.#push({ ...input, bids: [level], asks: [] });
        break;
      }
      case 'order': {
        const orderId = `f${++counters.order}`;
        this.#flow.push(orderId);
        const price = `${random.int(95, 105)}.00`;
        const input = { type: 'order', symbol: MATCHED, orderId, side: random.pick(SIDES), ...times() } as const;
        this.#push({ ...input, price, qty: `${random.int(1, 5)}.00` });
        break;
      }
      case 'cancel': {
        const orderId = this.#flow[random.int(Math.max(0, this.#flow.length - 10), this.#flow.length - 1)];
        if (orderId !== undefined) this.#push({ type: 'cancel', symbol: MATCHED, orderId, ...times() });
        break;
      }
    }
  }

  #push(input: UnstampedInput, promised?: Promised): void {
    const { ledger } = this.#options;
    if (!this.#producer.push(input)) {
      if (promised) promised.outcome = 'withdrawn';
    } else if (promised) void this.#producer.flush().then(() => ledger.acknowledge(promised));
  }
}

const SIDES = ['BUY', 'SELL'] as const;
const ACCOUNTS = ['alice', 'bob'] as const;
const TIMEOUT_MS = 2_000;
const KNOWN_ORDERS_MAX = 20;

interface KnownOrder {
  readonly fields: { readonly account: string; readonly orderId: string; readonly symbol: string };
  readonly promised: Promised;
}

/** Paper orders, as a gateway sends them: it waits for each, and tells its client when it gave up. */
export class OrderDesk {
  readonly #options: ProducerOptions;
  readonly #producer: InboxProducer;
  readonly #src: string;
  #orders: KnownOrder[] = [];
  #waiting = 0;

  constructor(options: ProducerOptions) {
    this.#options = options;
    this.#src = options.name;
    this.#producer = new InboxProducer({ client: options.client, keys: options.keys, src: this.#src });
  }

  act(): void {
    const { random, counters, ledger } = this.#options;
    const known = this.#orders[random.int(0, Math.max(0, this.#orders.length - 1))];
    if (known && random.chance(0.25)) return void this.#send({ type: 'cancel', ...known.fields, ...times() });
    // Its client heard nothing, and asks again for the same order.
    if (known && random.chance(0.1)) {
      known.promised.isRepeated = true;
      return void this.#send(this.#order(known.fields));
    }
    const order = { account: random.pick(ACCOUNTS), orderId: `c${++counters.order}` };
    const fields = { ...order, symbol: random.pick([LEVELS, MATCHED]) };
    const promised = ledger.promise(`order ${order.account} ${order.orderId}`, this.#src);
    this.#orders.push({ fields, promised });
    if (this.#orders.length > KNOWN_ORDERS_MAX) this.#orders.shift();
    void this.#send(this.#order(fields), promised);
  }

  isDone(): boolean {
    return this.#waiting === 0 && this.#producer.queuedInputs === 0;
  }

  #order(fields: KnownOrder['fields']): UnstampedInput {
    const { random } = this.#options;
    const price = random.chance(0.2) ? {} : { price: `${random.int(95, 105)}.00` };
    const tif = random.pick(['GTC', 'GTC', 'IOC', 'FOK'] as const);
    const qty = `${random.int(1, 4)}.00`;
    return { type: 'order', ...fields, side: random.pick(SIDES), qty, ...price, tif, ...times() };
  }

  async #send(input: UnstampedInput, promised?: Promised): Promise<void> {
    this.#waiting++;
    try {
      await this.#producer.send(input, { timeoutMs: TIMEOUT_MS });
      if (promised) this.#options.ledger.acknowledge(promised);
    } catch (error) {
      const isWithdrawn = /not be applied/.test((error as Error).message);
      if (promised) promised.outcome = isWithdrawn ? 'withdrawn' : 'unknown';
    }
    this.#waiting--;
  }
}
