import { DepthcastError } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type OrderRequest, parseOrder } from './order-request.ts';

const GOOD = { symbol: 'BTCUSD', side: 'BUY', qty: 1, price: 100 };
const parse = (body: string) => parseOrder(body, () => 'made-here');

function refusal(body: string): string {
  try {
    parse(body);
  } catch (error) {
    expect(error).toBeInstanceOf(DepthcastError);
    expect((error as DepthcastError).status).toBe(400);
    return (error as DepthcastError).message;
  }
  throw new Error(`taken: ${body.slice(0, 100)}`);
}

/** Another value for one field, or without it. */
const but = (field: string, json: string | undefined) =>
  `{${Object.entries({
    ...Object.fromEntries(Object.entries(GOOD).map(([k, v]) => [k, JSON.stringify(v)])),
    [field]: json,
  })
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${JSON.stringify(name)}:${value}`)
    .join(',')}}`;

describe('the body of an order', () => {
  it('may leave out all but symbol, side and size', () => {
    const whole: OrderRequest = {
      symbol: 'BTCUSD',
      side: 'BUY',
      qty: '1',
      price: undefined,
      tif: undefined,
      postOnly: false,
      clientOrderId: 'made-here',
    };
    expect(parse(but('price', undefined))).toEqual(whole);
    expect(parse('{"symbol":"btc/usd","side":"SELL","qty":"0.5","type":"MARKET","time_in_force":"FOK"}')).toEqual({
      ...whole,
      side: 'SELL',
      qty: '0.5',
      tif: 'FOK',
    });
    const all = '"type":"LIMIT","price":"7.25","time_in_force":"GTC","post_only":true,"client_order_id":"web-1._"';
    expect(parse(`{"symbol":"BTCUSD","side":"BUY","qty":1, ${all}}`)).toEqual({
      ...whole,
      price: '7.25',
      tif: 'GTC',
      postOnly: true,
      clientOrderId: 'web-1._',
    });
  });

  it('has its sizes and prices read digit by digit, as numbers and as text', () => {
    const digits = fc
      .tuple(fc.bigInt({ min: 0n, max: 10n ** 15n }), fc.bigInt({ min: 1n, max: 10n ** 12n }), fc.nat(10))
      .map(([whole, fraction, zeros]) => `${whole}.${'0'.repeat(zeros)}${fraction}`);
    fc.assert(
      fc.property(digits, digits, fc.boolean(), (qty, price, quoted) => {
        const json = (text: string) => (quoted ? `"${text}"` : text);
        expect(parse(`{"symbol":"A","side":"BUY","qty":${json(qty)},"price": ${json(price)} }`)).toMatchObject({
          qty,
          price,
        });
      }),
    );
  });

  it.each([
    ['qty', undefined],
    ['qty', '0'],
    ['qty', '0.000'],
    ['qty', '-0'],
    ['qty', '-1'],
    ['qty', '1e309'],
    ['qty', '1e2'],
    ['qty', '1E-7'],
    ['qty', 'null'],
    ['qty', 'true'],
    ['qty', '[1]'],
    ['qty', '{"valueOf":1}'],
    ['qty', '""'],
    ['qty', '"NaN"'],
    ['qty', '"Infinity"'],
    ['qty', '"1,5"'],
    ['qty', '".5"'],
    ['qty', '"5."'],
    ['qty', '" 5"'],
    ['qty', '"0x10"'],
    ['qty', '"١"'],
    ['qty', `"${'9'.repeat(1_000_000)}"`],
    ['qty', '9'.repeat(10_000)],
    ['qty', `"1.${'0'.repeat(39)}"`],
    ['price', `1.${'0'.repeat(39)}`],
    ['qty', 'NaN'],
    ['qty', 'Infinity'],
    ['price', '-Infinity'],
    ['client_order_id', 'NaN'],
    ['price', '0'],
    ['price', '-5'],
    ['price', 'null'],
    ['price', '"abc"'],
    ['price', '1e309'],
    ['price', '{}'],
    ['side', undefined],
    ['side', '"buy"'],
    ['side', '"HOLD"'],
    ['side', '1'],
    ['side', 'null'],
    ['symbol', undefined],
    ['symbol', '""'],
    ['symbol', '5'],
    ['symbol', '"A:B"'],
    ['symbol', `"${'A'.repeat(1_000_000)}"`],
    ['symbol', '["BTCUSD"]'],
    ['symbol', '"BTC\\u0000USD"'],
    ['type', '"STOP"'],
    ['type', '"MARKET"'],
    ['type', 'null'],
    ['time_in_force', '"GTD"'],
    ['time_in_force', '"gtc"'],
    ['time_in_force', '0'],
    ['post_only', '"true"'],
    ['post_only', '1'],
    ['post_only', 'null'],
    ['client_order_id', '""'],
    ['client_order_id', '"."'],
    ['client_order_id', '".."'],
    ['client_order_id', '"a b"'],
    ['client_order_id', '"a:b"'],
    ['client_order_id', `"${'a'.repeat(37)}"`],
    ['client_order_id', '7'],
    ['client_order_id', '"ü"'],
    ['client_order_id', 'null'],
  ])('%s of %.40s is refused, named, and told what it takes', (field, json) => {
    const message = refusal(but(field, json));
    expect(message).toMatch(new RegExp(`^${field} .*takes `));
    expect(message.length).toBeLessThan(300);
  });

  it.each([
    ['__proto__', '{"__proto__":{"qty":1},"symbol":"A","side":"BUY","qty":1}'],
    ['constructor', '{"constructor":1,"symbol":"A","side":"BUY","qty":1}'],
    ['toString', '{"toString":null,"symbol":"A","side":"BUY","qty":1}'],
    ['account', '{"account":"alice","symbol":"A","side":"BUY","qty":1}'],
    ['Qty', '{"symbol":"A","side":"BUY","qty":1,"Qty":2}'],
    ['', '{"":1}'],
  ])('a field of the name %j is refused, and named', (name, body) => {
    expect(refusal(body)).toMatch(new RegExp(`^${JSON.stringify(name)} is no field of an order: takes symbol, side`));
  });

  it.each(['', ' ', 'qty=1', '{', '{"qty":1', '[]', 'null', '"order"', '5', '[{"qty":1}]', `${'['.repeat(8_000)}`])(
    '%.20j is refused as no object',
    (body) => {
      expect(refusal(body)).toMatch(/^body .*takes .*symbol, side, qty/);
    },
  );

  it('names the field whose number is none, and no field where there is none to name', () => {
    expect(refusal('{"symbol":"A","side":"BUY", "price" : -Infinity\n,"qty":1}')).toMatch(
      /^price -Infinity is not allowed/,
    );
    expect(refusal('{"symbol":"\\"qty\\":NaN,","side":BUY}')).toMatch(/^body /);
    expect(refusal('{"leverage":NaN}')).toMatch(/^body /);
    expect(refusal('{"qty":NaNa}')).toMatch(/^body /);
    expect(refusal('{"toString":NaN}')).toMatch(/^body /);
    expect(parse('{"symbol":"A","side":"BUY","qty":1,"client_order_id":"..."}').clientOrderId).toBe('...');
  });

  it('is refused when a field is given twice, since two readers could take two orders for it', () => {
    expect(refusal('{"symbol":"A","side":"BUY","qty":1,"qty":1000}')).toBe('qty is given twice: takes one value');
    expect(refusal('{"symbol":"A","side":"BUY","qty":1,"\\u0071ty":1000}')).toMatch(/^qty is given twice/);
  });

  it('must agree with itself', () => {
    expect(refusal(but('type', '"MARKET"'))).toMatch(/^type "MARKET"/);
    expect(refusal('{"symbol":"A","side":"BUY","qty":1,"type":"LIMIT"}')).toMatch(/^type "LIMIT"/);
    expect(refusal('{"symbol":"A","side":"BUY","qty":1,"post_only":true}')).toMatch(/^post_only true/);
    const post = (tif: string) =>
      `{"symbol":"A","side":"BUY","qty":1,"price":1,"post_only":true,"time_in_force":"${tif}"}`;
    expect(refusal(post('IOC'))).toMatch(/^post_only true/);
    expect(refusal(post('FOK'))).toMatch(/^post_only true/);
    expect(parse(post('GTC')).postOnly).toBe(true);
  });
});
