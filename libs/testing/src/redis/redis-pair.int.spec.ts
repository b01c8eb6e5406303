import { describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { until } from '../until.ts';
import { startRedisPair } from './redis-pair.ts';

describe('a master and its replica', () => {
  it('fail over with the loss that was asked for, behind one address', async () => {
    const pair = await startRedisPair();
    try {
      const master = pair.master.client();
      await master.set('kept', '1');
      await until(async () => (await pair.replica.client().get('kept')) === '1');
      pair.cutReplication();
      await master.set('lost', '1');
      const client = new Redis(pair.url);
      client.on('error', () => {});
      expect(await client.mget('kept', 'lost')).toEqual(['1', '1']);
      await pair.promote();
      await until(async () => (await client.mget('kept', 'lost'))[1] === null);
      expect(await client.set('new', '1')).toBe('OK');
      expect(await master.get('new')).toBeNull();
      client.disconnect();
    } finally {
      await pair.stop();
    }
  });
});
