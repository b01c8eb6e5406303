import { describe, expect, it } from '@jest/globals';
import { maskRedisUrl, requireRedisUrl } from './redis-url.ts';

describe('REDIS_URL', () => {
  it.each([
    'redis://127.0.0.1:6379',
    'redis://h',
    'rediss://user:pw@h:6380/2',
    'redis+cluster://a:1,b:2,[::1]:3',
    'redis+cluster://user:pw@a:1,b:2',
    'redis+sentinel://a:1,[::1]:2/mymaster',
    'redis+sentinel://user:pw@a:1/m?db=2&sentinelUsername=u&sentinelPassword=p',
  ])('is taken: %s', (url) => {
    expect(() => requireRedisUrl(url)).not.toThrow();
  });

  it.each([
    ['http://x', 'http://x'],
    ['notaurl', 'notaurl'],
    ['127.0.0.1:6379', '127.0.0.1:6379'],
    ['redis://', 'redis://'],
    ['redis://h:99999', 'redis://h:99999'],
    ['redis+cluster://a,b:2', 'redis+cluster://a,b:2'],
    ['redis+cluster://a:1/m', 'redis+cluster://a:1/m'],
    ['redis+sentinel://a:1', 'redis+sentinel://a:1'],
    ['redis+sentinel://a:1/m?db=x', 'redis+sentinel://a:1/m?db=x'],
    ['redis+sentinel://a:1/m?role=slave', 'redis+sentinel://a:1/m?role=slave'],
    ['http://me:hunter2@x', 'http://me:***@x'],
  ])('is refused by name: %s', (url, shown) => {
    expect(() => requireRedisUrl(url)).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: `REDIS_URL: got "${shown}", takes redis://host:port, rediss://host:port, redis+cluster://host:port,host:port or redis+sentinel://host:port,host:port/name`,
      }),
    );
  });

  it.each([
    ['redis://h:1/2', 'redis://h:1/2'],
    ['redis+cluster://a:1,b:2', 'redis+cluster://a:1,b:2'],
    ['redis://me:hunter2@h:1', 'redis://me:***@h:1'],
    ['redis://:hun:t/e@r2@h:1', 'redis://:***@h:1'],
    ['redis+cluster://me:hunter2@a:1,b:2', 'redis+cluster://me:***@a:1,b:2'],
    ['redis://h:1?password=hunter2&db=1', 'redis://h:1?password=***&db=1'],
    ['redis+sentinel://a:1/m?sentinelPassword=hunter2&db=1', 'redis+sentinel://a:1/m?sentinelPassword=***&db=1'],
    ['me:hunter2@h', 'me:***@h'],
  ])('is shown without its password: %s', (url, shown) => {
    expect(maskRedisUrl(url)).toBe(shown);
  });
});
