import type { InputOf, Scale } from '@depthcast/protocol';
import type { DepthInput, DepthSnapshotInput, TradeInput } from '../venue.ts';
import { asMalformed, MalformedMessage } from './malformed-message.ts';
import type { MarketSymbol } from './market-symbol.ts';

export type QuoteInput = Omit<InputOf<'quote'>, 'src' | 'seq'>;
export type MarketInput = DepthInput | QuoteInput | TradeInput;

/** `undefined`: a message that is well formed and of no use here (an acknowledgement, a stream we did not ask for). */
export type Decoded = MarketInput | 'server-shutdown' | undefined;

/** Binance's times are milliseconds unless a connection asks for microseconds. */
const MICROSECONDS_FROM = 1e14;

type Fields = Record<string, unknown>;

/**
 * Raw text of Binance's market streams in, inputs out: spot and USD-M, alone or in the combined stream's wrapper.
 * Every number is checked against the symbol's tick and step here, so that nothing malformed reaches the inbox.
 *
 * Field by field: https://github.com/binance/binance-spot-api-docs/blob/master/web-socket-streams.md and
 * https://developers.binance.com/docs/derivatives/usds-margined-futures/websocket-market-streams
 */
export class BinanceAdapter {
  readonly #markets: ReadonlyMap<string, MarketSymbol>;

  /** @param markets by the venue's name of the symbol. */
  constructor(markets: ReadonlyMap<string, MarketSymbol>) {
    this.#markets = markets;
  }

  /** @throws MalformedMessage */
  decode(text: string, tsRecvUs: number): Decoded {
    const message = parseObject(text);
    const data = 'stream' in message ? message.data : message;
    if (!isObject(data)) throw new MalformedMessage('unknown', 'data is not an object');
    const type = data.e ?? (isSpotBookTicker(data) ? 'bookTicker' : undefined);
    switch (type) {
      case 'depthUpdate':
        return this.#read('depth', data, tsRecvUs, readDepth);
      case 'bookTicker':
        return this.#read('quote', data, tsRecvUs, readQuote);
      case 'trade':
        return this.#read('trade', data, tsRecvUs, readTrade);
      case 'serverShutdown':
        return 'server-shutdown';
      default:
        if (message.error !== undefined) throw new MalformedMessage('unknown', 'the venue answered with an error');
        if (typeof type === 'string' || 'result' in message) return undefined;
        throw new MalformedMessage('unknown', 'no known message has these fields');
    }
  }

  #read<T>(
    kind: string,
    data: Fields,
    tsRecvUs: number,
    read: (market: MarketSymbol, data: Fields, tsRecvUs: number) => T,
  ): T {
    const market = this.#markets.get(data.s as string);
    if (!market) throw new MalformedMessage(kind, `symbol ${JSON.stringify(data.s)} was not asked for`);
    try {
      return read(market, data, tsRecvUs);
    } catch (error) {
      throw asMalformed(kind, error);
    }
  }
}

/**
 * A REST order book. Spot does not say of when it is: then it gets the newest time known for the symbol.
 *
 * @throws MalformedMessage
 */
export function readDepthSnapshot(market: MarketSymbol, text: string, tsRecvUs: number): DepthSnapshotInput {
  try {
    const data = parseObject(text);
    return {
      type: 'depth_snapshot',
      symbol: market.symbol,
      last: wholeNumber(data, 'lastUpdateId'),
      bids: readLevels(market, data.bids, 'bids'),
      asks: readLevels(market, data.asks, 'asks'),
      tsEventUs: data.E === undefined ? knownTimeUs(market, tsRecvUs) : eventTimeUs(market, data, 'E'),
      tsRecvUs,
    };
  } catch (error) {
    throw asMalformed('snapshot', error);
  }
}

function readDepth(market: MarketSymbol, data: Fields, tsRecvUs: number): DepthInput {
  const first = wholeNumber(data, 'U');
  const last = wholeNumber(data, 'u');
  if (first > last) throw new TypeError(`U ${first} is after u ${last}`);
  return {
    type: 'depth',
    symbol: market.symbol,
    first,
    last,
    ...(market.rule === 'usdm' ? { prev: wholeNumber(data, 'pu') } : {}),
    bids: readLevels(market, data.b, 'b'),
    asks: readLevels(market, data.a, 'a'),
    tsEventUs: eventTimeUs(market, data, 'E'),
    tsRecvUs,
  };
}

/** Spot's book ticker carries no time: the newest one known for the symbol is at most a depth interval old. */
function readQuote(market: MarketSymbol, data: Fields, tsRecvUs: number): QuoteInput {
  return {
    type: 'quote',
    symbol: market.symbol,
    last: wholeNumber(data, 'u'),
    bidPrice: decimal(market.prices, data.b, 'b'),
    bidQty: decimal(market.sizes, data.B, 'B'),
    askPrice: decimal(market.prices, data.a, 'a'),
    askQty: decimal(market.sizes, data.A, 'A'),
    tsEventUs: data.E === undefined ? knownTimeUs(market, tsRecvUs) : eventTimeUs(market, data, 'E'),
    tsRecvUs,
  };
}

function readTrade(market: MarketSymbol, data: Fields, tsRecvUs: number): TradeInput | undefined {
  // USD-M's stream also has what was no trade in the book (X: INSURANCE_FUND, ADL, or NA with price 0).
  if (data.X !== undefined && data.X !== 'MARKET') return undefined;
  if (typeof data.m !== 'boolean') throw new TypeError('m is not true or false');
  return {
    type: 'trade',
    symbol: market.symbol,
    tradeId: wholeNumber(data, 't'),
    price: decimal(market.prices, data.p, 'p'),
    qty: decimal(market.sizes, data.q, 'q'),
    // m: the buyer was the maker.
    side: data.m ? 'SELL' : 'BUY',
    tsEventUs: eventTimeUs(market, data, 'T'),
    tsRecvUs,
  };
}

function readLevels(market: MarketSymbol, levels: unknown, field: string): [string, string][] {
  if (!Array.isArray(levels)) throw new TypeError(`${field} is not a list`);
  // In a loop of its own and into place: the parsed arrays are ours, and a snapshot has 10,000 levels.
  for (let i = 0; i < levels.length; i++) {
    const level = levels[i];
    if (!Array.isArray(level) || level.length < 2) throw new TypeError(`${field}[${i}] is not a level`);
    level[0] = decimal(market.prices, level[0], field);
    level[1] = decimal(market.sizes, level[1], field);
    level.length = 2;
  }
  return levels;
}

/** Checked, and cut to the decimals of its scale: what parse() lets pass beyond them is zeros. */
function decimal(scale: Scale, text: unknown, field: string): string {
  if (typeof text !== 'string') throw new TypeError(`${field} is not a text`);
  scale.parse(text, field);
  const end = text.indexOf('.') + 1 + scale.decimals;
  return end > scale.decimals && text.length > end ? text.slice(0, scale.decimals === 0 ? end - 1 : end) : text;
}

function eventTimeUs(market: MarketSymbol, data: Fields, field: string): number {
  const time = wholeNumber(data, field);
  const us = time < MICROSECONDS_FROM ? time * 1_000 : time;
  if (us > Number.MAX_SAFE_INTEGER) throw new TypeError(`${field} is beyond the year 2255`);
  if (us > market.lastEventUs) market.lastEventUs = us;
  return us;
}

function knownTimeUs(market: MarketSymbol, tsRecvUs: number): number {
  return market.lastEventUs === 0 ? tsRecvUs : market.lastEventUs;
}

function wholeNumber(data: Fields, field: string): number {
  const value = data[field];
  if (!Number.isSafeInteger(value) || (value as number) < 0) {
    throw new TypeError(`${field} is not a whole number`);
  }
  return value as number;
}

function parseObject(text: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new MalformedMessage('json', 'not JSON');
  }
  if (!isObject(value)) throw new MalformedMessage('json', 'not a JSON object');
  return value;
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Spot's book ticker is the only message that does not name its type. */
function isSpotBookTicker(data: Fields): boolean {
  return typeof data.B === 'string' && typeof data.A === 'string' && data.U === undefined;
}
