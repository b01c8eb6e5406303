import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startRedis, type TestRedis } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestGateway } from '../testing/test-gateway.ts';
import { AUTH_ENV, bearer, token } from '../testing/tokens.ts';

describe('the journal, which believes what it is told', () => {
  let redis: TestRedis;
  let journal: Server;
  let optional: TestGateway;
  let off: TestGateway;
  /** What it was asked. */
  const asked: { url: string | undefined; authorization: string | undefined }[] = [];

  beforeAll(async () => {
    redis = await startRedis();
    journal = createServer(({ url, headers: { authorization } }, response) => {
      asked.push({ url, authorization });
      response.end('{}');
    });
    await new Promise<void>((resolve) => journal.listen(0, '127.0.0.1', resolve));
    const env = { JOURNAL_HTTP_URL: `http://127.0.0.1:${(journal.address() as AddressInfo).port}` };
    optional = await TestGateway.start(redis.url, { ...AUTH_ENV, ...env });
    off = await TestGateway.start(redis.url, env);
  });

  afterAll(async () => {
    await TestGateway.stopAll();
    journal?.closeAllConnections();
    journal?.close();
    await redis?.stop();
  });

  /** The answer's status, and the path that the journal was asked for, if it was. */
  async function ask(gateway: TestGateway, path: string, headers = {}): Promise<[number, string | undefined]> {
    asked.length = 0;
    const { status } = await gateway.request(`/api/history/${path}`, { headers });
    expect(asked.length).toBeLessThan(2);
    expect(asked[0]?.authorization).toBeUndefined();
    return [status, asked[0]?.url?.replace('/api/history/', '')];
  }

  it('is told of nobody by who has no token', async () => {
    expect(await ask(optional, 'events?types=fill&limit=5')).toEqual([200, 'events?types=fill&limit=5']);
    expect(await ask(optional, 'candles?symbol=BTCUSD')).toEqual([200, 'candles?symbol=BTCUSD']);
    for (const query of ['account=alice', '%61ccount=alice', 'limit=1&account=alice', 'account=alice#x']) {
      expect(await ask(optional, `events?${query}`)).toEqual([401, undefined]);
    }
  });

  it('is told of the subject of a token alone', async () => {
    const headers = bearer(await token());
    expect(await ask(optional, 'events', headers)).toEqual([200, 'events?account=alice']);
    expect(await ask(optional, 'events?limit=5&account=alice', headers)).toEqual([200, 'events?limit=5&account=alice']);
    expect(await ask(optional, 'export?data=events', headers)).toEqual([200, 'export?data=events&account=alice']);
    expect(await ask(optional, 'export?data=trades', headers)).toEqual([200, 'export?data=trades']);
    expect(await ask(optional, 'symbols', headers)).toEqual([200, 'symbols']);
    for (const query of ['account=bob', '%61ccount=bob', 'account=bob&limit=1']) {
      expect(await ask(optional, `events?${query}`, headers)).toEqual([403, undefined]);
    }
    for (const query of ['account=alice&account=bob', 'account=', 'account=a:b', 'account=alice%00']) {
      expect(await ask(optional, `events?${query}`, headers)).toEqual([400, undefined]);
    }
    // Other names than the parameter's are the journal's to refuse.
    const [, url] = await ask(optional, 'events?account%5B%5D=bob&Account=bob&xaccount=bob', headers);
    expect(new URLSearchParams(url?.split('?')[1]).getAll('account')).toEqual(['alice']);
  });

  it('is told what the request says where nobody asks', async () => {
    expect(await ask(off, 'events?account=bob&limit=5')).toEqual([200, 'events?account=bob&limit=5']);
  });
});
