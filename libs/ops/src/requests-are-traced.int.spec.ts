import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { OtlpCollector, until } from '@depthcast/testing';
import { afterEach, describe, expect, it } from '@jest/globals';

const LIB = fileURLToPath(new URL('..', import.meta.url));
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const TRACEPARENT = `00-${TRACE}-${PARENT}-01`;

/**
 * An app as its own process, from the built library. It says how many modules of OpenTelemetry it has loaded: not those
 * of its API, which prom-client brings along and which does nothing by itself.
 */
const PROGRAM = `
  import { registerHooks } from 'node:module';
  let loaded = 0;
  registerHooks({ load: (url, context, next) => {
    if (/@opentelemetry\\/(?!api\\/)/.test(url)) loaded++;
    return next(url, context);
  } });
  const { Module } = await import('@nestjs/common');
  const { createLogger, OpsModule, runApp, runMain, traced } = await import('@depthcast/ops');
  const { DepthcastError } = await import('@depthcast/protocol');
  class App {}
  Module({ imports: [OpsModule.forRoot({ name: 'probe' })] })(App);
  await runMain('probe', async () => {
    const logger = createLogger('probe', 'info');
    const configure = (app) => {
      const fastify = app.getHttpAdapter().getInstance();
      fastify.get('/things/:id', async (request) => traced(request, 'look it up', () => request.params));
      fastify.get('/bad', async (request) => traced(request, 'fail', () => {
        throw new DepthcastError('FENCED', 'a secret');
      }));
      fastify.get('/stream', async (request, reply) => {
        reply.hijack();
        reply.raw.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' });
        reply.raw.flushHeaders();
      });
    };
    await runApp({ name: 'probe', module: App, addr: { host: '127.0.0.1', port: 0 }, logger, configure });
    logger.info({ loaded }, 'loaded');
  });
`;

type Line = Record<string, unknown> & { msg: string };

describe('the requests to an app', () => {
  let child: ChildProcess;
  let collector: OtlpCollector | undefined;
  let exit: Promise<unknown[]>;
  const lines: Line[] = [];

  /** Resolves to its URL. */
  const run = async (env: Record<string, string>): Promise<string> => {
    lines.length = 0;
    child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM], {
      cwd: LIB,
      env: { PATH: process.env.PATH, ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (text) =>
      lines.push(JSON.parse(text)),
    );
    exit = once(child, 'close');
    await until(() => lines.some(({ msg }) => msg === 'loaded' || msg.includes('OTEL')), 10_000, 'its start');
    return `http://${lines.find(({ msg }) => msg === 'listening')?.addr}`;
  };
  const stop = async (): Promise<[exit: unknown[], ms: number]> => {
    const startedMs = performance.now();
    child.kill('SIGTERM');
    return [await exit, performance.now() - startedMs];
  };
  const started = async (env: Record<string, string> = {}): Promise<string> => {
    collector = await OtlpCollector.start();
    return run({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, ...env });
  };
  const spans = () => collector?.spans ?? [];

  afterEach(async () => {
    child.kill('SIGKILL');
    await collector?.close();
    collector = undefined;
  });

  it('load nothing of OpenTelemetry where there is no collector, or it is disabled', async () => {
    await run({});
    expect(lines.at(-1)).toMatchObject({ msg: 'loaded', loaded: 0 });
    child.kill('SIGKILL');
    await started({ OTEL_SDK_DISABLED: 'true' });
    expect(lines.at(-1)).toMatchObject({ msg: 'loaded', loaded: 0 });
  });

  it('are spans of the trace that they name, with their ids, their routes and no query', async () => {
    const url = await started();
    expect(Number(lines.at(-1)?.loaded)).toBeGreaterThan(10);
    const headers = { traceparent: TRACEPARENT, 'x-request-id': 'mine-7' };
    expect(await (await fetch(`${url}/things/7?token=hunter2&last_id=1-2`, { headers })).json()).toEqual({ id: '7' });
    expect((await fetch(`${url}/nothing?ticket=hunter2`)).status).toBe(404);
    await fetch(`${url}/health`);
    // All of it is sent before the process ends.
    expect((await stop())[0]).toEqual([0, null]);
    expect(
      spans()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['GET', 'GET /things/:id', 'look it up']);
    const [request, work, unknown] = ['GET /things/:id', 'look it up', 'GET'].map((name) =>
      spans().find((span) => span.name === name),
    );
    expect(request).toMatchObject({
      service: 'depthcast-probe',
      traceId: TRACE,
      parentSpanId: PARENT,
      status: 0,
      attributes: {
        'http.request.method': 'GET',
        'http.route': '/things/:id',
        'url.path': '/things/7',
        'http.response.status_code': 200,
        'depthcast.request_id': 'mine-7',
      },
    });
    expect(work).toMatchObject({ traceId: TRACE, parentSpanId: request?.spanId });
    expect(unknown).toMatchObject({ attributes: { 'http.response.status_code': 404, 'url.path': '/nothing' } });
    expect(unknown?.traceId).not.toBe(TRACE);
    expect(unknown?.parentSpanId).toBeUndefined();
    expect(collector?.text).not.toMatch(/hunter2|last_id/);
  });

  it('say by a code what went wrong, and nothing of its words', async () => {
    const url = await started({ OTEL_SERVICE_NAME: 'prices' });
    expect((await fetch(`${url}/bad`)).status).toBe(500);
    await until(() => spans().length === 2, 5_000, 'both spans');
    expect(spans().find(({ name }) => name === 'fail')).toMatchObject({
      service: 'prices',
      status: 2,
      attributes: { 'error.type': 'FENCED' },
    });
    expect(spans().find(({ name }) => name === 'GET /bad')).toMatchObject({ status: 2 });
    expect(collector?.text).not.toContain('a secret');
  });

  it('end as spans when a stream is open, not when it ends', async () => {
    const url = await started();
    const leaving = new AbortController();
    const stream = await fetch(`${url}/stream`, { signal: leaving.signal });
    expect(stream.status).toBe(200);
    await until(() => spans().length === 1, 5_000, 'the span of an open stream');
    expect(spans()[0]).toMatchObject({ name: 'GET /stream', attributes: { 'http.response.status_code': 200 } });
    leaving.abort();
    await stop();
    expect(spans()).toHaveLength(1);
  });

  it.each([
    ['always_off', '', TRACEPARENT, 0],
    ['traceidratio', '0', TRACEPARENT, 0],
    ['parentbased_traceidratio', '0', TRACEPARENT, 2],
    ['parentbased_traceidratio', '1', TRACEPARENT.replace(/01$/, '00'), 0],
    ['parentbased_always_off', '', '', 0],
    ['always_on', '', TRACEPARENT.replace(/01$/, '00'), 2],
  ])(
    'are sampled as OTEL_TRACES_SAMPLER=%s %s says, with traceparent "%s"',
    async (sampler, arg, traceparent, count) => {
      const url = await started({ OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: arg });
      await fetch(`${url}/things/1`, { headers: traceparent === '' ? {} : { traceparent } });
      await stop();
      expect(spans()).toHaveLength(count);
    },
  );

  it.each([
    ['OTEL_TRACES_SAMPLER', 'sometimes', 'one of always_on'],
    ['OTEL_TRACES_SAMPLER_ARG', '2', 'a number from 0 to 1'],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc', 'one of http/json'],
  ])('stop it at start where %s is wrong', async (variable, value, takes) => {
    await started({ [variable]: value });
    expect(await exit).toEqual([2, null]);
    expect(lines.at(-1)).toMatchObject({ level: 'fatal', code: 'CONFIG_INVALID' });
    expect(lines.at(-1)?.msg).toContain(`${variable}: got "${value}", takes ${takes}`);
  });

  it.each([
    ['is not there', false],
    ['takes connections and never answers', true],
  ])(
    'are answered, and it ends in time, when the collector %s',
    async (_what, listens) => {
      const silent = createServer(() => {});
      await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
      const { port } = silent.address() as { port: number };
      if (!listens) await new Promise((resolve) => silent.close(resolve));
      const url = await run({ OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` });
      const startedMs = performance.now();
      // More than the queue holds.
      for (let i = 0; i < 60; i++) {
        const answers = await Promise.all(Array.from({ length: 50 }, () => fetch(`${url}/things/1`)));
        for (const answer of answers) expect((await answer.text()) && answer.status).toBe(200);
      }
      expect(performance.now() - startedMs).toBeLessThan(20_000);
      const [code, ms] = await stop();
      expect(code).toEqual([0, null]);
      expect(ms).toBeLessThan(5_000);
      expect(lines.filter(({ msg }) => msg === 'spans could not be sent').length).toBeLessThanOrEqual(1);
      silent.close();
    },
    60_000,
  );
});
