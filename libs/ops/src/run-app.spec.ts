import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Controller, Get, Inject, Module, Res } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply } from 'fastify';
import { Counter } from 'prom-client';
import { Liveness, Readiness } from './conditions.ts';
import { createLogger } from './logger.ts';
import { Metrics } from './metrics.ts';
import { OpsModule } from './ops.module.ts';
import { startApp } from './run-app.ts';

/** Stands for an app's own controller, with an SSE response that never ends. */
@Controller()
class OwnController {
  constructor(@Inject(Metrics) metrics: Metrics) {
    new Counter({ name: 'own_total', help: 'own', registers: [metrics] }).inc(3);
  }

  @Get('own')
  own(): string {
    return 'mine';
  }

  @Get('stream')
  stream(@Res() reply: FastifyReply): void {
    reply.hijack();
    reply.raw.writeHead(200, { 'content-type': 'text/event-stream' }).write(':hello\n\n');
  }
}

@Module({ imports: [OpsModule.forRoot({ name: 'own', readyWhen: ['log'] })], controllers: [OwnController] })
class OwnModule {}

const logger = createLogger('own', 'silent');
const boot = (port = 0) => startApp({ name: 'own', module: OwnModule, addr: { host: '127.0.0.1', port }, logger });

describe('an app', () => {
  let app: NestFastifyApplication | undefined;
  const get = async (path: string) => fetch(`${await app?.getUrl()}${path}`);

  afterEach(async () => {
    await app?.close();
    app = undefined;
  });

  it('answers /health, /ready and /metrics beside its own routes', async () => {
    app = await boot();
    expect(await (await get('/own')).text()).toBe('mine');

    const health = await get('/health');
    expect([health.status, await health.json()]).toEqual([200, { status: 'ok' }]);

    const metrics = await get('/metrics');
    expect(metrics.headers.get('content-type')).toContain('text/plain');
    const text = await metrics.text();
    expect(text).toContain('own_total{app="own"} 3');
    expect(text).toContain('nodejs_eventloop_lag_p99_seconds{app="own"}');
  });

  it('is ready only once every named condition holds, and says which do not', async () => {
    app = await boot();
    const readiness = app.get(Readiness);
    const waiting = await get('/ready');
    expect(waiting.status).toBe(503);
    expect(await waiting.json()).toEqual({
      status: 'unready',
      unready: ['log'],
      conditions: { log: { ok: false, reason: 'not yet' } },
    });

    readiness.set('log', true);
    expect((await get('/ready')).status).toBe(200);

    readiness.set('draining', false, 'SIGTERM');
    const draining = await get('/ready');
    expect(draining.status).toBe(503);
    expect(((await draining.json()) as { unready: string[] }).unready).toEqual(['draining']);
  });

  it('fails its liveness with a reason', async () => {
    app = await boot();
    app.get(Liveness).set('tail', false, 'silent for 3 s');
    const health = await get('/health');
    expect([health.status, await health.json()]).toEqual([
      503,
      { status: 'failing', conditions: { tail: { ok: false, reason: 'silent for 3 s' } } },
    ]);
  });

  it('closes though an SSE response is open', async () => {
    app = await boot();
    const response = await get('/stream');
    const closed = app.close();
    app = undefined;
    await expect(closed).resolves.toBeUndefined();
    await expect(response.text()).rejects.toThrow();
  });

  it('names the port that is in use', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as AddressInfo;
    await expect(boot(port)).rejects.toMatchObject({
      code: 'PORT_IN_USE',
      message: `own cannot listen on 127.0.0.1:${port}: port ${port} is in use`,
    });
    await new Promise((resolve) => other.close(resolve));
  });

  it('names an address that is not one of this machine', async () => {
    const start = startApp({ name: 'own', module: OwnModule, addr: { host: '192.0.2.1', port: 0 }, logger });
    await expect(start).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('192.0.2.1:0'),
    });
  });
});
