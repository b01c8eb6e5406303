import { type Input, inputSchema, parseEvent } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { inputProblem, type RawInput } from './input-check.ts';
import { INPUT_CHARS_MAX, Market } from './market.ts';
import { SCRIPT_SECOND, ScriptedInputs } from './scripted-inputs.ts';

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
    inputs.depth(1, 2, [['1', '2']], [], 0),
    inputs.snapshot(2, [], [['1', '2']]),
    inputs.quote(3),
    inputs.trade(1, '2', '3'),
    inputs.clock(SCRIPT_SECOND),
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
      // Beyond the schemas: ids in order, and seconds that are microseconds. Left to the market: the symbol's pattern.
      const beyond = field === 'first' || field === 'last' || field === 'second';
      const left = field === 'symbol' && input.type !== 'symbol' && typeof came === 'string';
      if (beyond || left) return;
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
      fc.constantFrom<Input>(inputs.depth(11, 12, [['99', '1']], []), inputs.quote(1), inputs.clock(5)),
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
