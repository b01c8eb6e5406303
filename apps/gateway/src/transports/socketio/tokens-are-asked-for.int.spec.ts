import { startRedis, type TestRedis } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { SignJWT } from 'jose';
import { LogFeeder } from '../../testing/log-feeder.ts';
import { SocketClient } from '../../testing/socket-client.ts';
import { TestGateway } from '../../testing/test-gateway.ts';

const SECRET = 'a secret of thirty-two bytes or more';

describe('Socket.IO where tokens are asked for', () => {
  let redis: TestRedis;
  let feeder: LogFeeder;
  let gateway: TestGateway;

  beforeAll(async () => {
    redis = await startRedis();
    feeder = await LogFeeder.open(redis.url);
    await feeder.book('BTCUSD', [['100.0', '1']], [['101.0', '1']]);
    gateway = await TestGateway.start(redis.url, { AUTH_MODE: 'required', AUTH_JWT_SECRET: SECRET });
    await gateway.reaches(feeder.id);
  });

  afterAll(async () => {
    SocketClient.closeAll();
    await TestGateway.stopAll();
    LogFeeder.closeAll();
    await redis?.stop();
  });

  const tokenFor = (seconds: number) =>
    new SignJWT({ sub: 'alice' })
      .setProtectedHeader({ alg: 'HS256' })
      .setExpirationTime(Math.ceil(Date.now() / 1_000) + seconds)
      .sign(Buffer.from(SECRET));
  const connect = (token?: string) => new SocketClient(gateway.url, { auth: token === undefined ? {} : { token } });

  it.each([
    ['TOKEN_MISSING', undefined],
    ['TOKEN_INVALID', 'nonsense'],
  ])('refuses a client with %s, for good', async (error, token) => {
    const client = connect(token);
    expect(await client.next('connect_error')).toMatchObject({ event: 'error', code: 401, error });
    expect(client.socket.active).toBe(false);
  });

  it('lets in who has one, until it expires', async () => {
    const client = connect(await tokenFor(1));
    await client.next('welcome');
    expect(await client.ask('subscribe', 'BTCUSD:MBP:1')).toMatchObject({ ok: true });
    expect(await client.next('error')).toMatchObject({ code: 401, error: 'TOKEN_EXPIRED' });
    await client.next('disconnect');
    // The library comes back with the same token, and then no more.
    expect(await client.next('connect_error')).toMatchObject({ code: 401, error: 'TOKEN_EXPIRED' });
    expect(client.socket.active).toBe(false);
    expect(gateway.gateway.views.sessions.size).toBe(0);
  });
});
