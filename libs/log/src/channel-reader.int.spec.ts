import { startRedis, TcpProxy, type TestRedis, until } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ChannelReader } from './channel-reader.ts';
import { connectRedis, type RedisClient } from './connect.ts';

describe('a channel', () => {
  let redis: TestRedis;
  let proxy: TcpProxy;
  let sender: RedisClient;
  let client: RedisClient;
  let reader: ChannelReader;
  const messages: string[] = [];
  let subscribed = 0;

  beforeAll(async () => {
    redis = await startRedis();
    proxy = await TcpProxy.start(redis);
    sender = connectRedis(redis.url);
    client = connectRedis(proxy.url);
    reader = new ChannelReader({
      client,
      channel: 'test:control',
      onMessage: (text) => void messages.push(text),
      onSubscribed: () => {
        subscribed++;
      },
    });
    proxy.cut();
    reader.start();
  });

  afterAll(async () => {
    reader?.stop();
    client?.disconnect();
    sender?.disconnect();
    await proxy?.close();
    await redis?.stop();
  });

  it('is listened to as soon as Redis is there', async () => {
    await sender.publish('test:control', 'too early');
    expect(subscribed).toBe(0);
    proxy.heal();
    await until(() => subscribed === 1);
    await sender.publish('test:other', 'for somebody else');
    await sender.publish('test:control', 'one');
    await until(() => messages.length > 0);
    expect(messages).toEqual(['one']);
  });

  it('says after each outage that messages may have been missed, and goes on', async () => {
    for (let i = 2; i < 5; i++) {
      proxy.cut();
      await sender.publish('test:control', 'missed');
      proxy.heal();
      await until(() => subscribed === i);
      await sender.publish('test:control', `after ${i}`);
      await until(() => messages.includes(`after ${i}`));
    }
    expect(messages).toEqual(['one', 'after 2', 'after 3', 'after 4']);
  });

  it('notices a network that has gone silent', async () => {
    const before = subscribed;
    proxy.stall();
    await new Promise((resolve) => setTimeout(resolve, 7_000));
    proxy.resume();
    await until(() => subscribed > before);
    await sender.publish('test:control', 'heard');
    await until(() => messages.includes('heard'));
  });
});
