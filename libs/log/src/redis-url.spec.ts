import { describe, expect, it } from '@jest/globals';
import { connectRedis } from './connect.ts';
import { parseNodes } from './redis-url.ts';

describe('a URL of several nodes', () => {
  it('is read with its brackets and percent signs', () => {
    expect(parseNodes('u%3A:p%40w@a.b:1,[::1]:2', 'x')).toEqual({
      nodes: [
        { host: 'a.b', port: 1 },
        { host: '::1', port: 2 },
      ],
      username: 'u:',
      password: 'p@w',
      name: '',
      params: new Map(),
    });
    expect(parseNodes('u:100%@a:1', 'x').password).toBe('100%');
    expect(parseNodes(':pw@a:1/my-master?db=3', 'x', ['db'])).toEqual({
      nodes: [{ host: 'a', port: 1 }],
      password: 'pw',
      name: 'my-master',
      params: new Map([['db', '3']]),
    });
  });

  it.each([
    ['redis+cluster://u:hunter2@a,b:2', 'redis+cluster://host:port,host:port'],
    ['redis+cluster://u:hunter2@a:1/name', 'redis+cluster://host:port,host:port'],
    ['redis+cluster://u:hunter2@a:1?db=1', 'redis+cluster://host:port,host:port'],
    ['redis+cluster://u:hunter2@a:70000', 'redis+cluster://host:port,host:port'],
    ['redis+sentinel://u:hunter2@a:1', 'redis+sentinel://host:port,host:port/name'],
    ['redis+sentinel://u:hunter2@/name', 'redis+sentinel://host:port,host:port/name'],
    ['redis+sentinel://u:hunter2@a:1/name?db=-1', 'redis+sentinel://host:port,host:port/name'],
    ['redis+sentinel://a:1/name?sentinelPasswort=hunter2', 'db, sentinelUsername, sentinelPassword'],
  ])('is refused without being told, since it may hold a password: %s', (url, takes) => {
    const connect = () => connectRedis(url);
    expect(connect).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    expect(connect).toThrow(takes);
    expect(connect).not.toThrow('hunter2');
  });
});
