import type { EventType } from '@depthcast/protocol';
import type { ControlEvent, SocketEvent } from './control-frames.ts';

/** What each event of the log is, in a line. */
export const EVENT_SUMMARIES: Readonly<Record<EventType, string>> = {
  market: 'The last trade price of a symbol, the mid until there has been a trade',
  error: 'A venue is lost, or an input meant nothing',
  bbo: "A symbol's best bid and offer",
  trade: 'A trade; the side is the taker’s',
  book_change: 'Price levels that have changed, absolute sizes, 0 deletes',
  book_snapshot: 'A whole book, every minute',
  book_order: 'One change of a book of orders',
  book_orders: 'A whole book of orders that takes the place of what was before',
  symbol: 'A symbol as its venue defines it',
  order_update: "An order's status has changed; of its account alone",
  fill: 'A part of an order has been traded, or all of it; of its account alone',
  order_state: 'How an order stands; of its account alone',
  account: 'The balances that have changed; of their account alone',
  position: "What an account's fills in a symbol have come to; of its account alone",
  book_status: 'Whether a book follows its venue',
  kline: 'One bar of trades',
  ticker: 'The last price and the volume of 24 hours, each second',
  analytics: 'Figures of a synced book and its trades, each second in which something has changed',
  anomaly: 'The first moment of something unusual',
  clock: 'A second of event time',
  engine: 'An engine has taken over',
  epoch: 'A new timeline of the log begins',
};

export const CONTROL_SUMMARIES: Readonly<Record<ControlEvent, string>> = {
  connection_info: 'The first frame of /stream, and of a replay',
  market_data: 'A view of a book, always the newest',
  heartbeat: 'Nothing is wrong',
  reset: 'What followed the cursor cannot be told; how things stand comes next',
  replay: 'How far a stream of the past has come, each second, and when it has come to the present',
};

export const SOCKET_SUMMARIES: Readonly<Record<SocketEvent, string>> = {
  welcome: 'The first message of a connection',
  pong: 'The answer to a ping',
  cursor: 'Nothing new up to here: moves the cursor of a quiet stream',
  drain: 'This gateway goes away; the library comes back to another one by itself',
};
