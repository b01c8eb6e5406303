import { describe, expect, it } from '@jest/globals';
import { createLogger } from './logger.ts';
import { maskSecrets } from './secrets.ts';

const TOKEN = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLXNpZ25hdHVyZQ';

describe('what nobody may read', () => {
  it.each([
    ['redis://:pass:word@host:1/0 is away', 'redis://:***@host:1/0 is away'],
    [`jwt ${TOKEN} is bad`, 'jwt *** is bad'],
    ['an unsigned eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0. too', 'an unsigned *** too'],
    ['{"authorization":"Bearer abc.def-opaque"}', '{"authorization":"Bearer ***"}'],
    ['bearer  opaque, and more', 'bearer ***, and more'],
    [
      'redis+sentinel://u:p@a:1/m?db=1&sentinelPassword=s3cret',
      'redis+sentinel://u:***@a:1/m?db=1&sentinelPassword=***',
    ],
    ['redis://h:1?password=hunter2&db=1', 'redis://h:1?password=***&db=1'],
    ['GET /stream?a=1&ticket=AbC-_9&b=2', 'GET /stream?a=1&ticket=***&b=2'],
    ['"url":"/api/stream?ticket=abc"', '"url":"/api/stream?ticket=***"'],
    ['nothing of the kind: POST /api/stream/ticket', 'nothing of the kind: POST /api/stream/ticket'],
  ])('is masked in %s', (text, masked) => {
    expect(maskSecrets(text)).toBe(masked);
  });

  it('is in no line of a log, wherever it stands', () => {
    const lines: string[] = [];
    const logger = createLogger('probe', 'info', { write: (line: string) => void lines.push(line) });
    const secret = 'opaque-0123456789';
    logger.info({ authorization: secret, ticket: secret, token: secret }, 'at the top');
    logger.info({ headers: { authorization: secret }, query: { ticket: secret } }, 'one down');
    logger.info(
      { req: { headers: { authorization: secret, cookie: secret }, url: `/stream?ticket=${secret}` } },
      'two',
    );
    logger.error({ err: new Error(`Bearer ${secret} and ${TOKEN}`) }, `of ${TOKEN}`);
    expect(lines).toHaveLength(4);
    expect(lines.join('')).not.toContain(secret);
    expect(lines.join('')).not.toContain('eyJ');
  });
});
