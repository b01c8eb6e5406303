import { describe, expect, it } from '@jest/globals';
import { bodyOf } from './order-body.ts';

const read = (headers: Record<string, string>, body: unknown = Buffer.from('{"symbol":"ü"}')) =>
  bodyOf({ body, headers });

describe('the body of a request', () => {
  it.each([
    {},
    { 'content-type': 'application/json' },
    { 'content-type': 'application/json;charset=utf-8' },
    { 'content-type': 'application/json; version=1; Charset="UTF-8"' },
    { 'content-type': 'application/json; charset=utf8', 'content-encoding': 'Identity' },
    { 'content-encoding': '' },
  ])('is read as it came with %j', (headers) => {
    expect(read(headers)).toBe('{"symbol":"ü"}');
  });

  it.each([
    [{ 'content-encoding': 'gzip' }, 'body of content-encoding "gzip" is not read here: takes identity'],
    [{ 'content-encoding': 'identity, br' }, 'body of content-encoding "identity, br" is not'],
    [{ 'content-type': 'application/json; charset=latin1' }, 'body of charset "latin1" is not read here: takes utf-8'],
    [{ 'content-type': 'application/json;CHARSET="UTF-16LE"' }, 'body of charset "UTF-16LE" is not'],
    [{ 'content-type': 'application/json; charset=' }, 'body of charset "" is not'],
  ])('is a 415 that names what came with %j', (headers, message) => {
    expect(() => read(headers)).toThrow(
      expect.objectContaining({
        code: 'BODY_TYPE_UNKNOWN',
        status: 415,
        message: expect.stringMatching(new RegExp(`^${message}`)),
      }),
    );
  });

  it('is none where nothing came, and refused where it is no JSON', () => {
    expect([bodyOf({ body: undefined, headers: {} }), read({}, null)]).toEqual(['', '']);
    expect(() => read({}, { symbol: 'A' })).toThrow(/application\/json/);
  });
});
