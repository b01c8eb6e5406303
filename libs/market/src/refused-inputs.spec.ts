import { type Input, inputSchema, parseEvent } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { RawInput } from './field-check.ts';
import { inputProblem } from './input-check.ts';
import { INPUT_CHARS_MAX, Market } from './market.ts';
import { SCRIPT_SECOND, SCRIPT_TRADING, ScriptedInputs } from './scripted-inputs.ts';

function synced(): { market: Market; inputs: ScriptedInputs } {
  const market = new Market();
  const inputs = new ScriptedInputs();
  market.apply(inputs.symbol());
  market.apply(inputs.snapshot(10, [['99', '1']], [['101', '1']]));
  return { market, inputs };
}

/** The one error that an entry gives; everything but the count of refusals and what was seen is as it was. */
function refusal(market: Market, topic: string, payload: string): string {
  const before = JSON.stringify(market.books());
  const rejected = market.rejectedInputs;
  const events = market.applyEntry(topic, payload);
  expect(events.map((event) => event.topic)).toEqual(['error']);
  expect(market.rejectedInputs).toBe(rejected + 1);
  expect(JSON.stringify(market.books())).toBe(before);
  return parseEvent('error', events[0]?.payload ?? '').message;
}

describe('a refused input is one error event that names the topic, the field, what came and what is allowed', () => {
  const { inputs } = synced();
  const depth = inputs.depth(11, 12, [['99', '1']], []);
  const quote = inputs.quote(3);
  const cases: [string, string, unknown, string][] = [
    ['not JSON', 'depth:BTCUSD', '{"type":', 'payload "{\\"type\\":" is not JSON'],
    ['not an object', 'depth:BTCUSD', [1], 'payload [1] is not an object'],
    ['null', 'depth:BTCUSD', null, 'payload null is not an object'],
    ['a type there is not', 'fish:BTCUSD', { ...depth, type: 'fish' }, 'type "fish" is not one of symbol, feed, depth'],
    ['no src', 'depth:BTCUSD', { ...depth, src: '' }, 'src "" is not a text of 1 to 64 characters'],
    ['a bad seq', 'depth:BTCUSD', { ...depth, seq: 1.5 }, 'seq 1.5 is not a whole number ≥ 1'],
    ['a bad time', 'depth:BTCUSD', { ...depth, tsEventUs: -1 }, 'tsEventUs -1 is not a whole number ≥ 0'],
    [
      'an unknown symbol',
      'depth:ETH',
      { ...depth, symbol: 'ETH' },
      'symbol "ETH" is not one that a symbol input has defined',
    ],
    ['another topic', 'depth:ETHUSD', depth, 'topic is not the input\'s, "depth:BTCUSD"'],
    ['another type of topic', 'trade:BTCUSD', depth, 'topic is not the input\'s, "depth:BTCUSD"'],
    ['first beyond last', 'depth:BTCUSD', { ...depth, first: 13 }, 'first 13 is not at most last, 12'],
    ['levels that are none', 'depth:BTCUSD', { ...depth, bids: 'x' }, 'bids "x" is not a list of [price, size]'],
    [
      'a level that is none',
      'depth:BTCUSD',
      { ...depth, bids: [['1']] },
      'bid price: ["1"] is not a level [price, size]',
    ],
    [
      'a price off the tick',
      'depth:BTCUSD',
      { ...depth, asks: [['99.005', '1']] },
      'ask price "99.005" is not a multiple of 0.01',
    ],
    [
      'a size off the step',
      'depth:BTCUSD',
      { ...depth, bids: [['99', '0.0001']] },
      'bid size "0.0001" is not a multiple of 0.001',
    ],
    ['a price in a quote', 'quote:BTCUSD', { ...quote, askPrice: '1e5' }, 'askPrice "1e5" is not a plain decimal'],
    ['a number for text', 'quote:BTCUSD', { ...quote, bidQty: 5 }, 'bidQty 5 is not decimal text'],
    ['a side', 'trade:BTCUSD', inputs.trade(1, '1', '1', 'buy' as 'BUY'), 'side "buy" is not one of BUY, SELL'],
    ['a bad tick', 'symbol:BTCUSD', inputs.symbol({ tick: '0' }), 'tick: step "0" is not a positive decimal'],
    ['a bad symbol', 'symbol:btc', inputs.symbol({ symbol: 'btc' }), 'symbol "btc" is not one such as BTCUSDT'],
    [
      'a bad rule',
      'symbol:BTCUSD',
      inputs.symbol({ depthRule: 'x' as 'spot' }),
      'depthRule "x" is not one of spot, usdm',
    ],
    [
      'a second out of range',
      'clock',
      { ...inputs.clock(5), second: 9e15 },
      'second 9000000000000000 is beyond 9007199254',
    ],
  ];

  const order = inputs.order('web-1', 'BUY', '1', '99', { account: 'alice' });
  const flow = inputs.order('f1', 'BUY', '1', '99');
  const cancel = inputs.cancel('web-1', { account: 'alice' });
  const amend = inputs.amend('f1', '1', '99');
  const above0 = 'is not decimal text above 0 such as "12.5", of at most 40 characters';
  const numbers = [
    '',
    'abc',
    '-1',
    '+1',
    '0',
    '0.000',
    '1e309',
    '1e5',
    'NaN',
    'Infinity',
    '1,5',
    ' 1',
    '1.',
    '.5',
    '1.2.3',
  ];
  const alike: [string, Input][] = [
    ['an order', order],
    ['an order of the flow', flow],
    ['a cancel', cancel],
    ['an amend', amend],
  ];
  cases.push(
    ...numbers.flatMap((text): typeof cases => [
      [`a size of ${text}`, 'order:BTCUSD', { ...order, qty: text }, `qty ${JSON.stringify(text)} ${above0}`],
      [`a price of ${text}`, 'order:BTCUSD', { ...order, price: text }, `price ${JSON.stringify(text)} ${above0}`],
    ]),
    ['a size that is a number', 'order:BTCUSD', { ...order, qty: 1 }, `qty 1 ${above0}`],
    ['a price that is a number', 'amend:BTCUSD', { ...amend, price: 1 }, `price 1 ${above0}`],
    ['no price at all but null', 'order:BTCUSD', { ...order, price: null }, `price null ${above0}`],
    ['digits without end', 'order:BTCUSD', { ...order, qty: '1'.repeat(41) }, above0],
    ['a side', 'order:BTCUSD', { ...order, side: 'buy' }, 'side "buy" is not one of BUY, SELL'],
    ['a tif', 'order:BTCUSD', { ...order, tif: 'GTD' }, 'tif "GTD" is not one of GTC, IOC, FOK'],
    ['a postOnly', 'order:BTCUSD', { ...order, postOnly: 'yes' }, 'postOnly "yes" is not true or false'],
    ['an account', 'order:BTCUSD', { ...order, account: 'a:b' }, 'account "a:b" is not an account: 1 to 32 letters'],
    ['an account of none', 'cancel:BTCUSD', { ...cancel, account: '' }, 'account "" is not an account'],
    ['an account that is null', 'cancel:BTCUSD', { ...cancel, account: null }, 'account null is not an account'],
    ['a client id', 'order:BTCUSD', { ...order, orderId: 'a b' }, 'orderId "a b" is not an order id: 1 to 36 letters'],
    ['a client id too long', 'cancel:BTCUSD', { ...cancel, orderId: 'x'.repeat(37) }, 'is not an order id'],
    [
      'a flow id of digits',
      'order:BTCUSD',
      { ...flow, orderId: '17' },
      'orderId "17" is not the id of an order of a flow',
    ],
    ['a flow id of digits', 'amend:BTCUSD', { ...amend, orderId: '17' }, 'orderId "17" is not the id of an order of a'],
    [
      'a cancel of the flow without a symbol',
      'cancel',
      { ...cancel, account: undefined, orderId: 'f', symbol: undefined },
      'symbol undefined is not one such as',
    ],
    ['a symbol that would end a topic', 'order:A:B', { ...order, symbol: 'A:B' }, 'symbol "A:B" is not one such as'],
    ['the topic of another symbol', 'cancel:ETHUSD', cancel, 'topic is not the input\'s, "cancel:BTCUSD"'],
    ['a topic without the symbol', 'cancel', cancel, 'topic is not the input\'s, "cancel:BTCUSD"'],
    ['a topic with a symbol', 'cancel:BTCUSD', { ...cancel, symbol: undefined }, 'topic is not the input\'s, "cancel"'],
    ['no time', 'order:BTCUSD', { ...order, tsEventUs: undefined }, 'tsEventUs undefined is not a whole number ≥ 0'],
    ...alike.map(([name, input]): (typeof cases)[number] => [
      `${name} with a field that there is not`,
      `${input.type}:BTCUSD`,
      { ...input, timeInForce: 'IOC' },
      `"timeInForce" is not a field of ${input.type}`,
    ]),
    ['an amend of an account', 'amend:BTCUSD', { ...amend, account: 'alice' }, '"account" is not a field of amend'],
    ['a cancel with a size', 'cancel:BTCUSD', { ...cancel, qty: '1' }, '"qty" is not a field of cancel'],
    ['trading that is none', 'symbol:BTCUSD', { ...inputs.symbol(), trading: 7 }, 'trading 7 is not an object'],
    [
      'an asset',
      'symbol:BTCUSD',
      { ...inputs.symbol(), trading: { ...SCRIPT_TRADING, baseAsset: 'btc' } },
      'trading.baseAsset "btc" is not an asset',
    ],
    [
      'a lot that is a number',
      'symbol:BTCUSD',
      { ...inputs.symbol(), trading: { ...SCRIPT_TRADING, lot: 1 } },
      'trading.lot 1 is not decimal text',
    ],
    [
      'a lot off the step',
      'symbol:BTCUSD',
      { ...inputs.symbol(), trading: { ...SCRIPT_TRADING, lot: '0.0001' } },
      'trading.lot "0.0001" is not a multiple of 0.001',
    ],
  );

  it.each(cases)('%s', (_name, topic, input, message) => {
    const { market } = synced();
    const stranger =
      typeof input === 'object' && input !== null && !Array.isArray(input) && (input as Input).src !== '';
    const payload = typeof input === 'string' ? input : JSON.stringify(stranger ? { ...input, src: 'other' } : input);
    const said = refusal(market, topic, payload);
    expect(said).toContain(`input ${topic} refused: `);
    expect(said).toContain(message);
  });

  it('in few characters, whatever came', () => {
    const { market, inputs: more } = synced();
    const long = 'x'.repeat(100_000);
    const deep = `${'['.repeat(50_000)}${']'.repeat(50_000)}`;
    for (const [topic, payload] of [
      [long, long],
      [`depth:${long}`, JSON.stringify({ ...depth, src: 'a', symbol: long })],
      ['depth:BTCUSD', JSON.stringify({ ...depth, src: 'b', bids: [[long, long]] })],
      ['depth:BTCUSD', JSON.stringify({ ...depth, src: 'c', bids: 'D' }).replace('"D"', deep)],
      ['quote:BTCUSD', JSON.stringify({ ...more.quote(1), src: 'd', bidPrice: long })],
    ] as const) {
      expect(refusal(market, topic, payload).length).toBeLessThan(400);
    }
  });
});

it('an oversized payload is refused unread', () => {
  const { market, inputs } = synced();
  const payload = JSON.stringify(inputs.trade(1, '99', '1'));
  expect(refusal(market, 'trade:BTCUSD', payload.padEnd(INPUT_CHARS_MAX + 1))).toContain(
    'characters is beyond 1000000',
  );
  expect(market.applyEntry('trade:BTCUSD', payload.padEnd(INPUT_CHARS_MAX))).toHaveLength(2);
});

it('a refused diff does not advance the sequence: the next one is a gap', () => {
  const { market, inputs } = synced();
  expect(market.apply(inputs.depth(11, 12, [['99.001', '1']], []))[0]?.topic).toBe('error');
  expect(market.apply(inputs.depth(13, 14, [], []))[0]?.payload).toContain('"status":"gap","expected":11,"got":13');
});

it('a USD-M diff without pu is refused', () => {
  const market = new Market();
  const inputs = new ScriptedInputs();
  market.apply(inputs.symbol({ depthRule: 'usdm' }));
  expect(market.apply(inputs.depth(1, 2, [], []))[0]?.payload).toContain('prev undefined is not a whole number');
});

it('the check by hand and the schemas give the same verdicts', () => {
  const inputs = new ScriptedInputs();
  const valid: RawInput[] = [
    inputs.symbol(),
    inputs.feed('up'),
    inputs.feed('down', 'refused', 10),
    inputs.depth(1, 2, [['1', '2']], [], 0),
    inputs.snapshot(2, [], [['1', '2']]),
    inputs.quote(3),
    inputs.trade(1, '2', '3'),
    inputs.clock(SCRIPT_SECOND),
    inputs.symbol({ trading: SCRIPT_TRADING }),
    inputs.order('f1', 'BUY', '1', '99', { tif: 'IOC', postOnly: true }),
    inputs.order('f1', 'SELL', '1', undefined, { account: 'alice' }),
    inputs.cancel('f1'),
    inputs.cancel('f1', { account: 'alice' }),
    inputs.amend('f1', '1', '99'),
  ] as unknown as RawInput[];
  const fields = [...new Set(valid.flatMap((input) => Object.keys(input)))];
  const value = fc.oneof(
    fc.constantFrom<unknown>(
      undefined,
      null,
      '',
      'BTCUSD',
      'btc',
      'spot',
      'down',
      'BUY',
      true,
      0,
      -1,
      1.5,
      2 ** 53,
      -0,
      5,
      'clock',
    ),
    fc.constantFrom<unknown>([], {}, 'x'.repeat(33), 'x'.repeat(65), 'x'.repeat(201), Number.NaN),
  );
  let refused = 0;
  fc.assert(
    fc.property(fc.constantFrom(...valid), fc.constantFrom(...fields), value, (input, field, came) => {
      const changed: RawInput = { ...input, [field]: came };
      if (came === undefined) delete changed[field];
      const known = inputSchema.safeParse(changed).success;
      // Beyond the schemas: ids in order, and seconds that are microseconds; of orders, numbers above 0, no field that
      // there is not, and whose they are. Left to the market: the symbol's pattern.
      const beyond = field === 'first' || field === 'last' || field === 'second';
      const left = field === 'symbol' && input.type !== 'symbol' && typeof came === 'string';
      const isOrder = ['order', 'cancel', 'amend'].includes(input.type as string);
      const ofOrders = !(field in input) || ['qty', 'price', 'account', 'symbol'].includes(field);
      if (beyond || left || (isOrder && ofOrders)) return;
      expect([changed, inputProblem(changed) === undefined]).toEqual([changed, known]);
      if (!known) refused++;
    }),
    { numRuns: 3_000 },
  );
  expect(refused).toBeGreaterThan(300);
});

it('nothing that is put in makes it throw', () => {
  const { market, inputs } = synced();
  const json = fc.json({ maxDepth: 3 });
  const almost = fc
    .tuple(
      fc.constantFrom<Input>(
        ...[inputs.depth(11, 12, [['99', '1']], []), inputs.quote(1), inputs.clock(5), inputs.symbol()],
        ...[inputs.order('f', 'BUY', '1'), inputs.cancel('f'), inputs.amend('f', '1', '1')],
      ),
      fc.jsonValue(),
    )
    .map(([input, junk]) => {
      const keys = Object.keys(input);
      return JSON.stringify({ ...input, [keys[JSON.stringify(junk).length % keys.length] as string]: junk });
    });
  fc.assert(
    fc.property(fc.string(), fc.oneof(json, almost, fc.string({ unit: 'binary' })), (topic, payload) => {
      for (const event of market.applyEntry(topic, payload)) parseEvent('error', event.payload);
    }),
    { numRuns: 1_000 },
  );
});
