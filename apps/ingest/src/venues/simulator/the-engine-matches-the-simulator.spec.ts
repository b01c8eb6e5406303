import { Market } from '@depthcast/market';
import { type Input, type LogEvent, parseTopic, type UnstampedInput } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import { SimulatedMarket } from './simulated-market.ts';

const START_US = 1_767_225_600_000_000;
const SECOND_US = 1_000_000;
const TIMER_US = 50_000;
const SYMBOLS = ['BTCUSD', 'ETHUSD', 'ADAUSD'];

/** The simulator into an engine's market. */
class Rig {
  readonly engine = new Market();
  readonly events: LogEvent[] = [];
  readonly #simulator: SimulatedMarket;
  #nowUs = START_US;
  #seqs = { flow: 0, gateway: 0 };

  constructor(ratePerSecond: number | undefined) {
    this.#simulator = new SimulatedMarket({ symbols: SYMBOLS, seed: 5, ratePerSecond });
    this.#simulator.start(START_US, (input) => this.apply('flow', input));
  }

  apply(src: 'flow' | 'gateway', input: UnstampedInput): LogEvent[] {
    const events = this.engine.apply({ ...input, src, seq: ++this.#seqs[src] } as Input);
    this.events.push(...events);
    return events;
  }

  run(seconds: number, afterEach: () => void = () => {}): void {
    for (const endUs = this.#nowUs + seconds * SECOND_US; this.#nowUs < endUs; ) {
      this.#nowUs += TIMER_US;
      this.#simulator.advance(this.#nowUs, (input) => this.apply('flow', input));
      if (this.#nowUs % SECOND_US === 0) afterEach();
    }
  }

  resync(): UnstampedInput[] {
    const inputs: UnstampedInput[] = [];
    this.#simulator.begin('again', (input) => {
      inputs.push(input);
      this.apply('flow', input);
    });
    return inputs;
  }

  order(symbol: string, orderId: string, side: 'BUY' | 'SELL', qty: string, price?: string): LogEvent[] {
    const times = { tsEventUs: this.#nowUs, tsRecvUs: this.#nowUs };
    const terms = { symbol, orderId, side, qty, ...(price === undefined ? {} : { price }) };
    return this.apply('gateway', { type: 'order', account: 'alice', ...terms, ...times });
  }

  count(type: string): number {
    return this.events.filter(({ topic }) => parseTopic(topic).type === type).length;
  }

  book(symbol: string) {
    const found = this.engine.books().find((stored) => stored.symbol === symbol)?.book;
    if (found === undefined) throw new Error(`no book of ${symbol}`);
    return found;
  }
}

describe('the engine matches the simulator', () => {
  it.each([undefined, 5_000])('without a word of complaint, into whole books that trade (rate %p)', (ratePerSecond) => {
    const rig = new Rig(ratePerSecond);
    rig.run(ratePerSecond === undefined ? 100 : 10, () => {
      for (const symbol of SYMBOLS) {
        const { status, bids, asks } = rig.book(symbol);
        expect(status).toBe('synced');
        expect(Math.min(bids.length, asks.length)).toBeGreaterThan(150);
        expect(Number(asks[0]?.[0])).toBeGreaterThan(Number(bids[0]?.[0]));
      }
    });
    expect(rig.engine.rejectedInputs).toBe(0);
    expect(rig.count('error')).toBe(0);
    expect(rig.count('clock')).toBe(ratePerSecond === undefined ? 100 : 10);
    expect(rig.count('trade')).toBeGreaterThan(500);
  });

  it('and after a resync holds exactly the orders that were sent again', () => {
    const rig = new Rig(5_000);
    rig.run(4);
    const before = rig.count('trade');
    const orders = rig.resync().filter((input) => input.type === 'order');
    expect(rig.count('trade')).toBe(before);
    expect(rig.engine.rejectedInputs).toBe(0);
    for (const symbol of SYMBOLS) {
      const held = Object.values(rig.book(symbol).orders ?? {}).flat();
      const sent = orders.filter((order) => order.symbol === symbol);
      expect(held.map(([id]) => id).sort()).toEqual(sent.map(({ orderId }) => orderId).sort());
    }
    rig.run(2);
    expect(rig.engine.rejectedInputs).toBe(0);
  });

  it('and with paper orders, which take from it and are taken by it', () => {
    const rig = new Rig(5_000);
    rig.run(1);
    expect(rig.order('ADAUSD', 'taker', 'BUY', '1000').map(({ topic }) => parseTopic(topic).type)).toContain('fill');
    const [best] = rig.book('ADAUSD').bids;
    rig.order('ADAUSD', 'maker', 'BUY', '1000', best?.[0] as string);
    const fills = rig.count('fill');
    rig.run(5);
    expect(rig.count('fill')).toBeGreaterThan(fills);
    expect(rig.engine.rejectedInputs).toBe(0);
    for (const { deposited, free, locked, counterparty } of rig.engine.audit().values()) {
      expect(free + locked + counterparty).toBe(deposited);
    }
  });
});
