import { describe, expect, it } from '@jest/globals';
import { MalformedMessage } from './malformed-message.ts';
import { marketSymbol } from './market-symbol.ts';
import { BinanceAdapter, readDepthSnapshot } from './messages.ts';

const RECV_US = 1_723_161_254_000_123;

function spot(): BinanceAdapter {
  return new BinanceAdapter(new Map([['BTCUSDT', marketSymbol('BTCUSDT', 'spot', '0.01000000', '0.00001000')]]));
}

function usdm(): BinanceAdapter {
  return new BinanceAdapter(new Map([['BTCUSDT', marketSymbol('BTCUSDT', 'usdm', '0.10', '0.001')]]));
}

const DEPTH = {
  e: 'depthUpdate',
  E: 1723161255208,
  s: 'BTCUSDT',
  U: 50093239189,
  u: 50093239202,
  b: [['61737.63000000', '0.00000000']],
  a: [['61837.64000000', '1.54698000']],
};

describe('the Binance adapter, spot', () => {
  it('reads a diff: ids, exact text cut to tick and step, venue time', () => {
    expect(spot().decode(JSON.stringify({ stream: 'btcusdt@depth@100ms', data: DEPTH }), RECV_US)).toEqual({
      type: 'depth',
      symbol: 'BTCUSDT',
      first: 50093239189,
      last: 50093239202,
      bids: [['61737.63', '0.00000']],
      asks: [['61837.64', '1.54698']],
      tsEventUs: 1723161255208000,
      tsRecvUs: RECV_US,
    });
  });

  it('reads the same message without the wrapper of combined streams, and times in microseconds', () => {
    expect(spot().decode(JSON.stringify({ ...DEPTH, E: 1723161255208123 }), RECV_US)).toMatchObject({
      type: 'depth',
      tsEventUs: 1723161255208123,
    });
  });

  it('reads a book ticker, which names no type and no time: it gets the newest time of its symbol', () => {
    const adapter = spot();
    const ticker = '{"u":50093239212,"s":"BTCUSDT","b":"61837.63000000","B":"3.78826000","a":"61837.64","A":"1.5"}';
    expect(adapter.decode(ticker, RECV_US)).toEqual({
      type: 'quote',
      symbol: 'BTCUSDT',
      last: 50093239212,
      bidPrice: '61837.63',
      bidQty: '3.78826',
      askPrice: '61837.64',
      askQty: '1.5',
      tsEventUs: RECV_US,
      tsRecvUs: RECV_US,
    });
    adapter.decode(JSON.stringify(DEPTH), RECV_US);
    expect(adapter.decode(ticker, RECV_US)).toMatchObject({ tsEventUs: 1723161255208000 });
  });

  it('reads a trade: the side is the taker’s, the time is the trade’s', () => {
    const trade = {
      e: 'trade',
      E: 1723161255343,
      s: 'BTCUSDT',
      t: 3735683259,
      p: '61837.63000000',
      q: '0.02000000',
      T: 1723161255342,
      m: true,
      M: true,
    };
    expect(spot().decode(JSON.stringify(trade), RECV_US)).toEqual({
      type: 'trade',
      symbol: 'BTCUSDT',
      tradeId: 3735683259,
      price: '61837.63',
      qty: '0.02000',
      side: 'SELL',
      tsEventUs: 1723161255342000,
      tsRecvUs: RECV_US,
    });
    expect(spot().decode(JSON.stringify({ ...trade, m: false }), RECV_US)).toMatchObject({ side: 'BUY' });
  });

  it('reads a REST book, cut the same way', () => {
    const market = marketSymbol('BTCUSDT', 'spot', '0.01', '1.00000000');
    const text = '{"lastUpdateId":7,"bids":[["1.00000000","5.00000000"]],"asks":[["1.01","2","extra"]]}';
    expect(readDepthSnapshot(market, text, RECV_US)).toEqual({
      type: 'depth_snapshot',
      symbol: 'BTCUSDT',
      last: 7,
      bids: [['1.00', '5']],
      asks: [['1.01', '2']],
      tsEventUs: RECV_US,
      tsRecvUs: RECV_US,
    });
  });

  it('hears the announcement of a shutdown, wrapped or not', () => {
    const data = { e: 'serverShutdown', E: 1723161255208 };
    expect(spot().decode(JSON.stringify(data), RECV_US)).toBe('server-shutdown');
    expect(spot().decode(JSON.stringify({ stream: '!serverShutdown', data }), RECV_US)).toBe('server-shutdown');
  });

  it('passes over what it did not ask for', () => {
    expect(spot().decode('{"result":null,"id":1}', RECV_US)).toBeUndefined();
    expect(spot().decode('{"e":"kline","s":"BTCUSDT"}', RECV_US)).toBeUndefined();
  });

  it.each([
    ['json', '{"stream":"btcusdt@depth@100ms","da'],
    ['json', '[]'],
    ['unknown', '{"stream":"x","data":7}'],
    ['unknown', '{}'],
    ['unknown', '{"error":{"code":2,"msg":"Invalid request"},"id":1}'],
    ['depth', JSON.stringify({ ...DEPTH, s: 'ETHUSDT' })],
    ['depth', JSON.stringify({ ...DEPTH, U: '50093239189' })],
    ['depth', JSON.stringify({ ...DEPTH, U: 9 ** 20 })],
    ['depth', JSON.stringify({ ...DEPTH, U: DEPTH.u + 1 })],
    ['depth', JSON.stringify({ ...DEPTH, E: undefined })],
    ['depth', JSON.stringify({ ...DEPTH, b: undefined })],
    ['depth', JSON.stringify({ ...DEPTH, b: [['61737.63']] })],
    ['depth', JSON.stringify({ ...DEPTH, b: [['61737.635', '1']] })],
    ['depth', JSON.stringify({ ...DEPTH, b: [['6e4', '1']] })],
    ['depth', JSON.stringify({ ...DEPTH, b: [['-1', '1']] })],
    ['depth', JSON.stringify({ ...DEPTH, b: [[61737.63, '1']] })],
    ['depth', JSON.stringify({ ...DEPTH, b: [['61737.63', '0.000001']] })],
    ['trade', '{"e":"trade","s":"BTCUSDT","t":1,"p":"1.00","q":"1","T":1}'],
    ['quote', '{"u":1,"s":"BTCUSDT","b":"","B":"1","a":"1","A":"1"}'],
  ])('calls it malformed and says what it was meant to be: %s %s', (kind, text) => {
    let thrown: unknown;
    try {
      spot().decode(text, RECV_US);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(MalformedMessage);
    expect(thrown).toMatchObject({ kind });
  });

  it('calls a cut or off-tick REST book a malformed snapshot', () => {
    const market = marketSymbol('BTCUSDT', 'spot', '0.01', '1');
    for (const text of [
      '{"lastUpdateId":7,"bi',
      '{"lastUpdateId":7,"bids":[["1.001","5"]],"asks":[]}',
      '{"msg":"no"}',
    ]) {
      expect(() => readDepthSnapshot(market, text, RECV_US)).toThrow(MalformedMessage);
    }
  });
});

describe('the Binance adapter, USD-M', () => {
  it('reads a diff with the id of the one before, under the symbol with .P', () => {
    const text = JSON.stringify({ ...DEPTH, T: 1723161255207, pu: 50093239188, b: [['58710.20', '0.014']], a: [] });
    expect(usdm().decode(text, RECV_US)).toMatchObject({
      type: 'depth',
      symbol: 'BTCUSDT.P',
      prev: 50093239188,
      bids: [['58710.2', '0.014']],
    });
    expect(() => usdm().decode(JSON.stringify({ ...DEPTH, b: [], a: [] }), RECV_US)).toThrow('pu');
  });

  it('reads a book ticker with its own time', () => {
    const text =
      '{"e":"bookTicker","u":5,"s":"BTCUSDT","b":"61800.20","B":"2.507","a":"61800.30","A":"2.5","T":9,"E":1723161256313}';
    expect(usdm().decode(text, RECV_US)).toMatchObject({ type: 'quote', tsEventUs: 1723161256313000 });
  });

  it('passes over what was no trade in the book', () => {
    const trade = { e: 'trade', E: 9, T: 9, s: 'BTCUSDT', t: 1, p: '61800.30', q: '0.006', X: 'MARKET', m: false };
    expect(usdm().decode(JSON.stringify(trade), RECV_US)).toMatchObject({ type: 'trade', side: 'BUY' });
    expect(usdm().decode(JSON.stringify({ ...trade, X: 'INSURANCE_FUND' }), RECV_US)).toBeUndefined();
    expect(usdm().decode(JSON.stringify({ ...trade, X: 'NA', p: '0', q: '0' }), RECV_US)).toBeUndefined();
  });
});
