import { readFileSync } from 'node:fs';
import { SseClient, startRedis, type TestRedis } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LogFeeder } from './testing/log-feeder.ts';
import { SocketClient } from './testing/socket-client.ts';
import { TestGateway } from './testing/test-gateway.ts';

const OPERATIONS = new URL('../../../docs/OPERATIONS.md', import.meta.url);
const DOCUMENTED = /^\| `(depthcast_(?:gateway_\w+|latency_seconds))`/gm;

describe('the metrics of a gateway', () => {
  let redis: TestRedis;
  let feeder: LogFeeder;
  let gateway: TestGateway;

  beforeAll(async () => {
    redis = await startRedis();
    feeder = await LogFeeder.open(redis.url);
    await feeder.book('BTCUSD', [['1.0', '1']], [['2.0', '1']]);
    gateway = await TestGateway.start(redis.url);
    await gateway.reaches(feeder.id);
  });

  afterAll(async () => {
    SocketClient.closeAll();
    await TestGateway.stopAll();
    LogFeeder.closeAll();
    await redis?.stop();
  });

  /** The value of a series, by its name and the labels that it has among others. */
  const value = async (name: string, labels: Record<string, string> = {}): Promise<number | undefined> => {
    const lines = (await gateway.text('/metrics')).split('\n').filter((line) => line.startsWith(`${name}{`));
    const line = lines.find((one) => Object.entries(labels).every(([label, of]) => one.includes(`${label}="${of}"`)));
    return line === undefined ? undefined : Number(line.split(' ').at(-1));
  };
  const bbo = (receivedMs: number) =>
    feeder.append([
      'bbo:BTCUSD',
      `{"symbol":"BTCUSD","bidPrice":"1","bidQty":"1","askPrice":"2","askQty":"1","timestamp":1,"serverTimestamp":${receivedMs},"backendLatency":1}`,
    ]);

  it('are those of docs/OPERATIONS.md, each with what it means', async () => {
    const text = await gateway.text('/metrics');
    const published = [...text.matchAll(/^# TYPE (depthcast_\w+)/gm)].map(([, name]) => name);
    const documented = [...readFileSync(OPERATIONS, 'utf8').matchAll(DOCUMENTED)].map(([, name]) => name);
    expect(documented.length).toBeGreaterThan(25);
    expect(documented.sort()).toEqual(published.sort());
    expect(text).toContain('nodejs_eventloop_lag_p99_seconds');
  });

  it('tell what each transport is sent, and how late', async () => {
    const sse = await SseClient.connect(`${gateway.url}/api/stream?types=bbo`);
    const socket = new SocketClient(gateway.url, {});
    await socket.ask('ready');
    await gateway.reaches(feeder.id);
    await bbo(Date.now() - 250);
    await Promise.all([sse.next('bbo'), socket.next('bbo_update')]);
    expect(await value('depthcast_gateway_frames_out_total', { transport: 'api_stream' })).toBe(1);
    expect(await value('depthcast_gateway_frames_out_total', { transport: 'socketio' })).toBe(1);
    expect(await value('depthcast_gateway_bytes_out_total', { transport: 'socketio' })).toBeGreaterThan(100);
    const late = 'depthcast_latency_seconds';
    expect(await value(`${late}_count`, { stage: 'ingest_to_socket' })).toBe(1);
    expect(await value(`${late}_sum`, { stage: 'ingest_to_socket' })).toBeGreaterThanOrEqual(0.25);
    expect(await value(`${late}_count`, { stage: 'read_to_socket' })).toBeGreaterThanOrEqual(1);
    expect(await value('depthcast_gateway_slowest_session_lag_entries')).toBe(0);
    sse.close();
  });

  it('count what is refused, by its error', async () => {
    const before = (await value('depthcast_gateway_errors_total', { code: 'TOKEN_MISSING' })) ?? 0;
    expect((await gateway.request('/protected/api/stream')).status).toBe(401);
    expect(await value('depthcast_gateway_errors_total', { code: 'TOKEN_MISSING' })).toBe(before + 1);
  });

  it('show a session that does not read, by how far it is behind and what waits for it', async () => {
    const slow = await SseClient.connect(`${gateway.url}/api/stream?types=all`);
    slow.pause();
    const filler = 'x'.repeat(50_000);
    let lag = 0;
    for (let i = 0; i < 400 && lag === 0; i++) {
      await feeder.append(...Array.from({ length: 10 }, () => ['market:BTCUSD', `{"f":"${filler}"}`] as const));
      lag = (await value('depthcast_gateway_slowest_session_lag_entries')) ?? 0;
    }
    expect(lag).toBeGreaterThan(0);
    expect(await value('depthcast_gateway_unsent_bytes')).toBeGreaterThan(0);
    slow.close();
  });
});
