import { type EventType, type InputOf, type LogEvent, parseEvent, parseTopic, Scale } from '@depthcast/protocol';
import { type Instrument, instrumentOf } from './instrument.ts';
import type { OrderDesk } from './order-desk.ts';
import type { PaperOrder } from './paper-order.ts';

/* Orders for the specs: complete but for what a claim is about. */

export const SECOND = 1_700_000_000;
export const TS_US = SECOND * 1_000_000 + 1_234;
export const NS = '1700000000001234000';
export const paperBalances = 'USD:1000,BTC:2';

export const BTCUSD = instrumentOf('BTCUSD', Scale.ofStep('0.01'), Scale.ofStep('0.001'), {
  ...{ baseAsset: 'BTC', quoteAsset: 'USD', lot: '0.002', minQty: '0.004', maxQty: '5', minNotional: '10' },
}) as Instrument;

export const noMark = () => '';

export function orderInput(overrides: Partial<InputOf<'order'>> = {}): InputOf<'order'> {
  return {
    ...{ type: 'order', src: 'gateway', seq: 1, tsRecvUs: TS_US, tsEventUs: TS_US, symbol: 'BTCUSD' },
    ...{ account: 'alice', orderId: 'web-1', side: 'BUY', qty: '1.000', price: '500.50', tif: 'GTC' },
    ...overrides,
  };
}

export function atMarket(overrides: Partial<InputOf<'order'>> = {}): InputOf<'order'> {
  const { price, ...input } = orderInput({ orderId: 'web-2', ...overrides });
  return input;
}

/** An order that is accepted, with its events. */
export function placed(
  desk: OrderDesk,
  input = orderInput(),
  costAtMarket?: bigint,
): { order: PaperOrder; events: LogEvent[] } {
  const events: LogEvent[] = [];
  const order = desk.open(input, BTCUSD, events) as PaperOrder;
  if (!desk.accept(order, BTCUSD, costAtMarket, TS_US, events)) throw new Error('it was refused');
  return { order, events };
}

export function said(say: (events: LogEvent[]) => void): [string, string][] {
  const events: LogEvent[] = [];
  say(events);
  for (const { topic, payload } of events) parseEvent(parseTopic(topic).type as EventType, payload);
  return events.map(({ topic, payload }) => [topic, payload]);
}
