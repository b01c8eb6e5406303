import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { type CertFiles, makeCerts } from '@depthcast/start';
import { startRedis, type TestRedis } from '@depthcast/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { io } from 'socket.io-client';
import { LogFeeder } from './testing/log-feeder.ts';
import { type HttpVersion, SecureClient } from './testing/secure-client.ts';
import { TestGateway } from './testing/test-gateway.ts';
import { readTlsPair, renewTls, type SecureServer } from './tls.ts';

const VERSIONS: readonly HttpVersion[] = ['HTTP/2', 'HTTP/1.1'];

/** What is true over plain HTTP/1.1 is true over TLS, by either version of HTTP. */
describe('with a certificate', () => {
  let folder: string;
  let files: CertFiles;
  let ca: string;
  let env: Record<string, string>;
  let redis: TestRedis;
  let feeder: LogFeeder;
  let gateway: TestGateway;
  let url: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'depthcast-tls-'));
    files = await makeCerts(folder, { force: false });
    ca = readFileSync(files.cert, 'utf8');
    env = { TLS_CERT_PATH: files.cert, TLS_KEY_PATH: files.key };
    redis = await startRedis();
    feeder = await LogFeeder.open(redis.url);
    await feeder.book('BTCUSDT', [['50000.0', '1']], [['50001.0', '1']]);
    gateway = await start({ WINDOW_BYTES: String(1 << 20) });
    url = urlOf(gateway);
  });

  afterAll(async () => {
    SecureClient.closeAll();
    await TestGateway.stopAll();
    LogFeeder.closeAll();
    await redis?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  afterEach(() => SecureClient.closeAll());

  const start = async (more: Record<string, string> = {}) =>
    (await TestGateway.start(redis.url, { ...env, ...more })).reaches(feeder.id);
  const urlOf = ({ port }: TestGateway) => `https://127.0.0.1:${port}`;
  const clientOf = (version: HttpVersion, at = url) => new SecureClient(at, ca, version);
  const markets = async (count: number, pad = '') => {
    const payload = (i: number) => `{"type":"market","symbol":"BTCUSDT","ts_ns":{ts},"price":${i}${pad}}`;
    for (let i = 0; i < count; i += 500) {
      await feeder.append(
        ...Array.from({ length: Math.min(500, count - i) }, (_, k) => ['market:BTCUSDT', payload(i + k)] as const),
      );
    }
  };
  const sessionsEnd = async (of = gateway) => {
    const deadline = Date.now() + 5_000;
    while (of.gateway.fanout.sessions.size > 0) {
      if (Date.now() > deadline) throw new Error(`${of.gateway.fanout.sessions.size} sessions are still there`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };

  describe.each(VERSIONS)('%s', (version) => {
    it('sends the frames that plain HTTP sends, byte by byte, and resumes', async () => {
      const client = clientOf(version);
      const stream = await client.stream('/api/stream?ids=int&chain=1');
      expect(stream.status).toBe(200);
      expect(stream.headers).toMatchObject({
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-cache, no-transform',
        'access-control-allow-origin': '*',
        'x-content-type-options': 'nosniff',
      });
      await stream.next();
      const before = feeder.cursor.offset;
      await feeder.market('BTCUSDT', 50_000);
      expect((await stream.next('market')).raw).toBe(
        `id: ${before + 1}\nprev: ${before}\nevent: market\ndata: {"type":"market","symbol":"BTCUSDT","ts_ns":${feeder.tsUs}000,"price":50000}\n\n`,
      );
      const again = await client.stream('/api/stream', { 'last-event-id': `${feeder.cursor.epoch}-${before}` });
      expect((await again.next('market')).fields.id).toBe(feeder.id);
      client.close();
      await sessionsEnd();
    });

    it('carries views and streams of the log in one stream, and what can never succeed is a 400', async () => {
      const client = clientOf(version);
      const stream = await client.stream('/stream?streams=BTCUSDT:MBP:5,BTCUSDT:TRADES&interval=0');
      await stream.next('connection_info');
      await stream.next('market_data');
      const id = await feeder.append(['trade:BTCUSDT', '{"n":1}']);
      expect((await stream.next('trade')).fields).toMatchObject({ id, data: '{"n":1}' });
      const { status, text } = await client.request('/stream?streams=NOPE:MBP:5');
      expect([status, JSON.parse(text)]).toEqual([400, expect.objectContaining({ event: 'error' })]);
      const head = await client.request('/stream', { method: 'HEAD' });
      expect([head.status, head.text, head.headers['content-length']]).toEqual([200, '', undefined]);
      client.close();
      await sessionsEnd();
    });

    it('gives thirty sessions, ten to a connection where it may be, the same frames in one order', async () => {
      const clients = Array.from({ length: 3 }, () => clientOf(version));
      const streams = await Promise.all(
        Array.from({ length: 30 }, (_, i) => (clients[i % 3] as SecureClient).stream('/api/stream?chain=1')),
      );
      await Promise.all(streams.map((stream) => stream.next()));
      const first = feeder.cursor.offset + 1;
      for (let i = 0; i < 40; i++) await markets(25);
      const expected = Array.from({ length: 1_000 }, (_, i) => `${feeder.cursor.epoch}-${first + i}`);
      for (const stream of streams) {
        const frames = await stream.until(1_000);
        expect(frames.map(({ fields }) => fields.id)).toEqual(expected);
        expect(frames.slice(1).map(({ fields }) => fields.prev)).toEqual(expected.slice(0, -1));
      }
      for (const client of clients) client.close();
      await sessionsEnd();
    });

    it('holds little for a client that does not read, which gets everything in the end', async () => {
      const client = clientOf(version);
      const slow = await client.stream('/api/stream?chain=1');
      await slow.next();
      slow.body.pause();
      const first = feeder.cursor.offset + 1;
      const pad = `,"pad":"${'x'.repeat(1_000)}"`;
      for (let i = 0; i < 16; i++) await markets(1_000, pad);
      await gateway.reaches(feeder.id, 20_000);
      const [session] = [...gateway.gateway.fanout.sessions];
      expect(session?.state).toBe('draining');
      // A read of the log at most, of which there may be two in one write, beyond what may wait.
      expect(session?.sink.writableLength).toBeLessThan(3 << 20);
      slow.body.resume();
      const frames = await slow.until(16_000);
      expect(frames.map(({ fields }) => fields.id)).toEqual(
        Array.from({ length: 16_000 }, (_, i) => `${feeder.cursor.epoch}-${first + i}`),
      );
      client.close();
      await sessionsEnd();
    }, 60_000);

    it('says when to come back when all sessions are taken, and goodbye when it goes', async () => {
      const small = await start({ SESSIONS_MAX: '2' });
      const client = clientOf(version, urlOf(small));
      const streams = [await client.stream('/api/stream'), await client.stream('/stream')];
      const refused = await client.stream('/api/stream');
      expect(refused.status).toBe(200);
      expect(JSON.parse((await refused.next('error')).fields.data ?? '')).toMatchObject({ code: 503 });
      await refused.closed;
      const startedMs = Date.now();
      await small.stop();
      expect(Date.now() - startedMs).toBeLessThan(5_000);
      for (const stream of streams) {
        await stream.closed;
        expect(Number(stream.frames.at(-1)?.fields.retry)).toBeGreaterThanOrEqual(500);
      }
      client.close();
    });

    it('takes orders from its own pages, asks the journal, and refuses headers that are too long', async () => {
      const asked: string[] = [];
      const journal = createServer((request, response) => {
        asked.push(`${request.url} ${request.headers.host !== undefined}`);
        response.writeHead(200, { 'content-type': 'application/json', connection: 'keep-alive' }).end('{"ok":1}');
      });
      await new Promise<void>((resolve) => journal.listen(0, '127.0.0.1', resolve));
      const withJournal = await start({
        JOURNAL_HTTP_URL: `http://127.0.0.1:${(journal.address() as AddressInfo).port}`,
      });
      const at = urlOf(withJournal);
      const client = clientOf(version, at);
      expect((await client.request('/api/history/symbols')).text).toBe('{"ok":1}');
      expect(asked).toContain('/api/history/symbols true');
      const order = (origin: string) =>
        client.request('/api/orders', {
          method: 'POST',
          headers: { origin, 'content-type': 'application/json' },
          body: '{"symbol":"NOPE","side":"BUY","qty":1}',
        });
      expect((await order('https://elsewhere')).status).toBe(403);
      expect((await order(at)).status).toBe(400);
      const tooLong = client.request('/api', { headers: { 'x-long': 'x'.repeat(20_000) } });
      if (version === 'HTTP/2') await expect(tooLong).rejects.toThrow('ENHANCE_YOUR_CALM');
      else expect((await tooLong).status).toBe(431);
      client.close();
      await withJournal.stop();
      journal.closeAllConnections();
      journal.close();
    });
  });

  it.each([['websocket'], ['polling']])('serves Socket.IO by %s', async (transport) => {
    const socket = io(url, { transports: [transport], ca, forceNew: true, auth: { chain: true } } as object);
    const ids: string[] = [];
    socket.on('bbo_update', ({ cursor }: { cursor: string }) => ids.push(cursor));
    await new Promise((resolve) => socket.once('cursor', resolve).once('welcome', () => socket.emit('ready')));
    const first = feeder.cursor.offset + 1;
    for (let i = 0; i < 200; i++) await feeder.append(['bbo:BTCUSDT', `{"symbol":"BTCUSDT","n":${i}}`]);
    const deadline = Date.now() + 10_000;
    while (ids.length < 200 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(ids).toEqual(Array.from({ length: 200 }, (_, i) => `${feeder.cursor.epoch}-${first + i}`));
    socket.disconnect();
    await sessionsEnd();
  });

  it('speaks TLS 1.2 and nothing older, and HTTP/2 where the client offers it', async () => {
    const handshake = (options: object) =>
      new Promise<string>((resolve) => {
        const socket = connectTls({ port: gateway.port, host: '127.0.0.1', ca, ...options }, () => {
          resolve(`${socket.getProtocol()} ${socket.alpnProtocol}`);
          socket.destroy();
        });
        socket.on('error', (error: Error & { code?: string }) => resolve(error.code ?? error.message));
      });
    expect(await handshake({ ALPNProtocols: ['h2', 'http/1.1'] })).toBe('TLSv1.3 h2');
    expect(await handshake({ maxVersion: 'TLSv1.2', ALPNProtocols: ['http/1.1'] })).toBe('TLSv1.2 http/1.1');
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
    expect(await handshake(old)).toMatch(/ALERT|ERR_SSL/);
  });

  it('takes another certificate when the files have changed, without a restart, and no pair that is none', async () => {
    const certOf = () =>
      new Promise<string>((resolve, reject) => {
        const socket = connectTls({ port: gateway.port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
          resolve(socket.getPeerCertificate().fingerprint256);
          socket.destroy();
        });
        socket.on('error', reject);
      });
    const becomes = async (isDone: () => Promise<boolean> | boolean) => {
      const deadline = Date.now() + 5_000;
      while (!(await isDone())) {
        if (Date.now() > deadline) throw new Error('it has not come to that');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    const named = {
      cert: { variable: 'TLS_CERT_PATH', path: files.cert },
      key: { variable: 'TLS_KEY_PATH', path: files.key },
    };
    const lines: string[] = [];
    const log = {
      info: (_: object, message: string) => void lines.push(message),
      error: (fields: object) => void lines.push((fields as { reason: string }).reason),
    };
    const server = gateway.app.getHttpServer() as unknown as SecureServer;
    const stop = renewTls(server, named, log, 20);
    const before = await certOf();
    rmSync(files.key);
    await becomes(() => lines.some((line) => line.startsWith('TLS_KEY_PATH: got ')));
    expect(await certOf()).toBe(before);
    await makeCerts(folder, { force: true });
    await becomes(async () => (await certOf()) !== before);
    const after = await certOf();
    lines.length = 0;
    process.emit('SIGHUP');
    expect(lines).toEqual(['the certificate has been read again']);
    expect(await certOf()).toBe(after);
    stop();
    expect(process.listenerCount('SIGHUP')).toBe(0);
    expect(() => readTlsPair(named)).not.toThrow();
  });
});
