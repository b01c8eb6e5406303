import { type IncomingHttpHeaders, type RequestOptions, request } from 'node:http';
import { createLogger, startApp } from '@depthcast/ops';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { readConfig } from '../config.ts';
import { GatewayModule } from '../gateway.module.ts';
import type { Gateway } from '../gateway.ts';
import { configureHttp, serverOptions } from '../http.ts';
import { Partitions } from '../partitions/partitions.ts';

/** A whole gateway app in this process, on a free port. */
export class TestGateway {
  static readonly #running = new Set<TestGateway>();
  readonly app: NestFastifyApplication;
  readonly url: string;
  readonly port: number;
  readonly partitions: Partitions;
  /** Of the first partition. */
  readonly gateway: Gateway;

  private constructor(app: NestFastifyApplication, port: number) {
    this.app = app;
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.partitions = app.get(Partitions);
    [this.gateway] = this.partitions.all as [Gateway];
    TestGateway.#running.add(this);
  }

  /** @param log gets the lines of its log, at the level of LOG_LEVEL. */
  static async start(
    redisUrl: string,
    env: Record<string, string> = {},
    log?: (line: string) => void,
  ): Promise<TestGateway> {
    // The feeder sends no clock: only tests of staleness look at it.
    const quiet = { LOG_LEVEL: 'silent', ADDR: '127.0.0.1:0', CLOCK_STALE_MS: '600000' };
    const config = readConfig([], { REDIS_URL: redisUrl, ...quiet, ...env });
    if (!config) throw new Error('no configuration');
    const logger = createLogger('gateway', config.LOG_LEVEL, log && { write: log });
    const app = await startApp({
      name: 'gateway',
      module: GatewayModule.forRoot(config, logger),
      addr: config.ADDR,
      logger,
      http: serverOptions(config),
      configure: (it) => configureHttp(it, config),
    });
    return new TestGateway(app, (app.getHttpServer().address() as { port: number }).port);
  }

  /** Until it has read the log up to an id. */
  async reaches(id: string, waitMs = 5_000): Promise<this> {
    const deadline = Date.now() + waitMs;
    for (;;) {
      const { tail } = this.gateway.window;
      if (tail && `${tail.epoch}-${tail.offset}` === id && this.gateway.isCaughtUp) return this;
      if (Date.now() > deadline) throw new Error(`the gateway is at ${JSON.stringify(tail)}, not at ${id}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Without fetch(), whose idle connections would keep the test process alive for seconds. */
  request(
    path: string,
    options: RequestOptions = {},
    body?: string | Buffer,
  ): Promise<{ status: number; text: string; headers: IncomingHttpHeaders }> {
    return new Promise((resolve, reject) => {
      const sent = request(this.url + path, { agent: false, ...options }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }));
      });
      sent.on('error', reject).end(body);
    });
  }

  /** An order, as JSON unless it is text. */
  async order(
    order: object | string,
    query = '',
  ): Promise<{ status: number; body: unknown; headers: IncomingHttpHeaders }> {
    const options = { method: 'POST', headers: { 'content-type': 'application/json' } };
    const text = typeof order === 'string' ? order : JSON.stringify(order);
    const answer = await this.request(`/api/orders${query}`, options, text);
    return { status: answer.status, body: JSON.parse(answer.text), headers: answer.headers };
  }

  async cancel(clientOrderId: string, query = ''): Promise<{ status: number; body: unknown }> {
    const { status, text } = await this.request(`/api/orders/${clientOrderId}${query}`, { method: 'DELETE' });
    return { status, body: JSON.parse(text) };
  }

  async json(path: string): Promise<{ status: number; body: unknown }> {
    const { status, text } = await this.request(path);
    return { status, body: JSON.parse(text) };
  }

  async text(path: string): Promise<string> {
    return (await this.request(path)).text;
  }

  async stop(): Promise<void> {
    if (TestGateway.#running.delete(this)) await this.app.close();
  }

  /** For afterAll: a test that failed half way must not keep the process alive. */
  static async stopAll(): Promise<void> {
    for (const gateway of TestGateway.#running) await gateway.stop();
  }
}
