import { crc32 } from '@depthcast/book';
import { type EventType, type Input, type LogEvent, parseEvent, parseTopic } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import { Market } from './market.ts';
import { SCRIPT_SECOND, SCRIPT_TRADING, ScriptedInputs } from './scripted-inputs.ts';

const NS = '1700000000001234000';

function play(market: Market, ...inputs: Input[]): [string, string][] {
  return inputs.flatMap((input) => market.apply(input)).map(({ topic, payload }: LogEvent) => [topic, payload]);
}

/** A market whose book is synced at update 10: 99.90 × 1 against 100.10 × 2. */
function synced(quotes = false): { market: Market; inputs: ScriptedInputs } {
  const market = new Market();
  const inputs = new ScriptedInputs();
  play(
    market,
    inputs.symbol({ quotes }),
    inputs.clock(SCRIPT_SECOND),
    inputs.snapshot(10, [['99.9', '1']], [['100.1', '2']]),
  );
  return { market, inputs };
}

describe('each input gives exactly these events, in this order', () => {
  it('symbol: what it is when it is new or has changed, as buffering when it begins; the same again says nothing', () => {
    const market = new Market();
    const inputs = new ScriptedInputs();
    const trading = { ...SCRIPT_TRADING, lot: '0.0020', maxQty: '10' };
    const head = '{"type":"symbol","symbol":"BTCUSD","ts_ns":1700000000000000000,"venue":';
    const status = '{"type":"book_status","symbol":"BTCUSD","ts_ns":1700000000000000000,"status":"buffering","reason":';
    const rules =
      '"trading":{"base_asset":"BTC","quote_asset":"USD","lot":"0.002","min_qty":"0.001","max_qty":"10.000","min_notional":"1"}';
    expect(
      play(
        market,
        inputs.symbol(),
        inputs.symbol({ tick: '0.0100', quotes: true }),
        inputs.symbol({ venue: 'other' }),
        inputs.symbol({ venue: 'other', trading }),
        inputs.symbol({ venue: 'other', trading, depthRule: 'matched' }),
      ),
    ).toEqual([
      ['symbol:BTCUSD', `${head}"simulator","book":"levels","tick":"0.01","step":"0.001"}`],
      ['book_status:BTCUSD', `${status}"new symbol"}`],
      ['symbol:BTCUSD', `${head}"other","book":"levels","tick":"0.01","step":"0.001"}`],
      ['symbol:BTCUSD', `${head}"other","book":"levels","tick":"0.01","step":"0.001",${rules}}`],
      ['symbol:BTCUSD', `${head}"other","book":"orders","tick":"0.01","step":"0.001",${rules}}`],
      ['book_status:BTCUSD', `${status}"tick, step, depth rule or assets changed"}`],
    ]);
  });

  it('depth_snapshot: the whole book, its buffered diffs, synced, then best bid and offer and mid', () => {
    const market = new Market();
    const inputs = new ScriptedInputs();
    const checksum = crc32('99.90:1.000:100.10:2.000');
    play(market, inputs.symbol(), inputs.depth(9, 11, [['99.95000', '3.000']], []));
    expect(
      play(
        market,
        inputs.snapshot(
          10,
          [
            ['99.9', '1'],
            ['99', '0.000'],
          ],
          [['100.10', '2']],
        ),
      ),
    ).toEqual([
      [
        'book_change:BTCUSD',
        `{"type":"book_change","symbol":"BTCUSD","ts_ns":${NS},"is_snapshot":true,"first":10,"last":10,"bids":[["99.90","1.000"]],"asks":[["100.10","2.000"]],"checksum":${checksum}}`,
      ],
      [
        'book_change:BTCUSD',
        `{"type":"book_change","symbol":"BTCUSD","ts_ns":${NS},"is_snapshot":false,"first":9,"last":11,"bids":[["99.95","3.000"]],"asks":[]}`,
      ],
      ['book_status:BTCUSD', `{"type":"book_status","symbol":"BTCUSD","ts_ns":${NS},"status":"synced"}`],
      [
        'bbo:BTCUSD',
        '{"symbol":"BTCUSD","bidPrice":"99.95","bidQty":"3.000","askPrice":"100.10","askQty":"2.000","timestamp":1700000000001,"serverTimestamp":1700000000003,"backendLatency":2}',
      ],
      ['market:BTCUSD', `{"type":"market","symbol":"BTCUSD","ts_ns":${NS},"price":100.025}`],
    ]);
  });

  it('depth: the change in canonical text, then only what it changed', () => {
    const { market, inputs } = synced();
    expect(play(market, inputs.depth(11, 12, [['99.9000', '5']], [['0100.20', '0']], 10))).toEqual([
      [
        'book_change:BTCUSD',
        `{"type":"book_change","symbol":"BTCUSD","ts_ns":${NS},"is_snapshot":false,"first":11,"last":12,"prev":10,"bids":[["99.90","5.000"]],"asks":[["100.20","0.000"]]}`,
      ],
      [
        'bbo:BTCUSD',
        '{"symbol":"BTCUSD","bidPrice":"99.90","bidQty":"5.000","askPrice":"100.10","askQty":"2.000","timestamp":1700000000001,"serverTimestamp":1700000000003,"backendLatency":2}',
      ],
    ]);
    expect(play(market, inputs.depth(13, 13, [['99.8', '5']], [])).map(([topic]) => topic)).toEqual([
      'book_change:BTCUSD',
    ]);
  });

  it('depth of a symbol with quotes of its own: no best bid and offer from the book, but the mid', () => {
    const { market, inputs } = synced(true);
    const topics = play(market, inputs.depth(11, 12, [['99.91', '5']], [])).map(([topic]) => topic);
    expect(topics).toEqual(['book_change:BTCUSD', 'market:BTCUSD']);
  });

  it('quote: the BBO seed, newer update ids only', () => {
    const { market, inputs } = synced(true);
    const topic = 'bbo:BTCUSD';
    const events = play(market, inputs.quote(7), inputs.quote(7), inputs.quote(6), inputs.quote(8, { bidQty: '0.5' }));
    expect(events).toEqual([
      [
        topic,
        '{"symbol":"BTCUSD","bidPrice":"99.90","bidQty":"1.000","askPrice":"100.10","askQty":"2.000","timestamp":1700000000001,"serverTimestamp":1700000000003,"backendLatency":2}',
      ],
      [
        topic,
        '{"symbol":"BTCUSD","bidPrice":"99.90","bidQty":"0.500","askPrice":"100.10","askQty":"2.000","timestamp":1700000000001,"serverTimestamp":1700000000003,"backendLatency":2}',
      ],
    ]);
  });

  it('trade: the trade, then the market price, which from then on the mid no longer moves', () => {
    const { market, inputs } = synced();
    expect(play(market, inputs.trade(77, '100.1', '0.25', 'SELL'))).toEqual([
      [
        'trade:BTCUSD',
        `{"type":"trade","symbol":"BTCUSD","ts_ns":${NS},"trade_id":77,"price":100.10,"qty":0.250,"side":"SELL"}`,
      ],
      ['market:BTCUSD', `{"type":"market","symbol":"BTCUSD","ts_ns":${NS},"price":100.10}`],
    ]);
    const topics = play(market, inputs.depth(11, 11, [['99.99', '1']], [])).map(([topic]) => topic);
    expect(topics).toEqual(['book_change:BTCUSD', 'bbo:BTCUSD']);
  });

  it('feed: down is stale and the VeloZ error, once; up is buffering', () => {
    const { market, inputs } = synced();
    expect(
      play(market, inputs.feed('down', 'silent for 10 s'), inputs.feed('down'), inputs.feed('up', 'reconnected')),
    ).toEqual([
      [
        'book_status:BTCUSD',
        `{"type":"book_status","symbol":"BTCUSD","ts_ns":${NS},"status":"stale","reason":"silent for 10 s"}`,
      ],
      ['error:BTCUSD', `{"type":"error","ts_ns":${NS},"message":"market_source_error"}`],
      [
        'book_status:BTCUSD',
        `{"type":"book_status","symbol":"BTCUSD","ts_ns":${NS},"status":"buffering","reason":"reconnected"}`,
      ],
    ]);
  });

  it('clock: the second, then a snapshot of each synced book that has had none', () => {
    const { market, inputs } = synced();
    expect(play(market, inputs.clock(SCRIPT_SECOND + 1))).toEqual([
      ['clock', '{"type":"clock","ts_ns":1700000001000000000,"second":1700000001}'],
      [
        'book_snapshot:BTCUSD',
        `{"type":"book_snapshot","symbol":"BTCUSD","ts_ns":1700000001000000000,"last":10,"bids":[["99.90","1.000"]],"asks":[["100.10","2.000"]],"checksum":${crc32('99.90:1.000:100.10:2.000')}}`,
      ],
      [
        'analytics:BTCUSD',
        '{"type":"analytics","symbol":"BTCUSD","ts_ns":1700000001000000000,"spread":0.20,"mid":100.00,"imbalance":-0.333333,"buy_volume":0.000,"sell_volume":0.000,"buy_sell_ratio":null,"late_trades":0,"early_trades":0}',
      ],
    ]);
    expect(play(market, inputs.clock(SCRIPT_SECOND + 2))).toHaveLength(1);
  });

  it('clock of a symbol that has traded: its bars from the shortest up, ticker and analytics', () => {
    const { market, inputs } = synced();
    // 1,700,000,000 is 20 s into a minute.
    const openTs = [1_699_999_980, 1_699_999_800, 1_699_999_200, 1_699_999_200, 1_699_963_200, 1_699_920_000];
    play(
      market,
      inputs.trade(1, '100.1', '0.3'),
      inputs.trade(2, '99.9', '0.2', 'SELL'),
      inputs.trade(3, '100', '0.1'),
    );
    const events = play(market, inputs.clock(SCRIPT_SECOND + 1));
    const bar =
      '"open":100.10,"high":100.10,"low":99.90,"close":100.00,"volume":0.600,"buy_volume":0.400,"trades":3,"vwap":100.0167,"closed":false}';
    expect(events.slice(2)).toEqual([
      ...['1m', '5m', '15m', '1h', '12h', '1d'].map((interval, i) => [
        'kline:BTCUSD',
        `{"type":"kline","symbol":"BTCUSD","interval":"${interval}","open_ts":${openTs[i]}000,${bar}`,
      ]),
      ['ticker:BTCUSD', '{"type":"ticker","symbol":"BTCUSD","price":100.00,"volume":0.600,"timestamp":1700000001000}'],
      [
        'analytics:BTCUSD',
        '{"type":"analytics","symbol":"BTCUSD","ts_ns":1700000001000000000,"spread":0.20,"mid":100.00,"imbalance":-0.333333,"vwap":100.0167,"buy_volume":0.400,"sell_volume":0.200,"buy_sell_ratio":2.000000,"late_trades":0,"early_trades":0}',
      ],
    ]);
    // Nothing changed: no bar, no analytics; the ticker comes each second.
    expect(play(market, inputs.clock(SCRIPT_SECOND + 2)).map(([topic]) => topic)).toEqual(['clock', 'ticker:BTCUSD']);
    // The minute has ended, and 2 s for late trades.
    expect(play(market, inputs.clock(SCRIPT_SECOND + 41)).map(([topic]) => topic)).toEqual(['clock', 'ticker:BTCUSD']);
    expect(play(market, inputs.clock(SCRIPT_SECOND + 42)).slice(1)).toEqual([
      [
        'kline:BTCUSD',
        `{"type":"kline","symbol":"BTCUSD","interval":"1m","open_ts":${openTs[0]}000,${bar.replace('false', 'true')}`,
      ],
      ['ticker:BTCUSD', '{"type":"ticker","symbol":"BTCUSD","price":100.00,"volume":0.600,"timestamp":1700000042000}'],
    ]);
  });
});

it('every payload is an event of its type, times beyond 2^53 included', () => {
  const { market, inputs } = synced();
  const events = [
    inputs.depth(11, 12, [['99.91', '5']], []),
    inputs.depth(20, 21, [], []),
    inputs.quote(5),
    inputs.trade(1, '5', '1'),
    inputs.feed('down', 'a "quoted"\n reason'),
    inputs.clock(SCRIPT_SECOND + 2),
    { ...inputs.trade(1, '5.005', '1'), src: 'x"y\u0000' },
  ].flatMap((input) => market.apply(input));
  expect(new Set(events.map(({ topic }) => parseTopic(topic).type))).toEqual(
    new Set(['book_change', 'bbo', 'market', 'book_status', 'trade', 'error', 'clock', 'kline', 'ticker']),
  );
  for (const { topic, payload } of events) {
    const event = parseEvent(parseTopic(topic).type as EventType, payload);
    if ('ts_ns' in event) expect(event.ts_ns % 1_000n).toBe(0n);
  }
});

it('the time 0 is a JSON number too', () => {
  const market = new Market();
  const [event] = market.applyEntry('nonsense', 'nonsense');
  expect(JSON.parse(event?.payload ?? '').ts_ns).toBe(0);
});

describe('the mid of an odd spread', () => {
  it.each([
    ['0.01', '99.99', '100.00', 'price":99.995}'],
    ['1', '7', '8', 'price":7.5}'],
    ['0.05', '0.15', '0.20', 'price":0.175}'],
  ])('tick %s: %s and %s', (tick, bid, ask, ending) => {
    const market = new Market();
    const inputs = new ScriptedInputs();
    const events = play(market, inputs.symbol({ tick }), inputs.snapshot(1, [[bid, '1']], [[ask, '1']]));
    expect(events.at(-1)?.[1].endsWith(ending)).toBe(true);
  });
});
