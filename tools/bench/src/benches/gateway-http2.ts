import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeCerts } from '@depthcast/start';
import { type Contestant, type Delivery, deliver, startGateway } from '../fanout/contestant.ts';
import { runGateway } from '../fanout/run-gateway.ts';
import { type Bench, interleave, rowOf } from '../harness.ts';

const CLIENTS = 1_000;
/** Below the hundred that a connection may have at the gateway. */
const PER_CONNECTION = 83;
const ROUNDS = { warmUps: 1, rounds: 4 };
const STREAM = { paths: ['/api/stream?types=all'], clients: CLIENTS };

/**
 * The load of gateway.fanout over TLS: HTTP/2 with a connection for each client, HTTP/2 with few connections that many
 * share, and the chunks of HTTP/1.1; without TLS too. All from gateways on one log.
 */
export const gatewayHttp2: Bench = {
  name: 'gateway.http2',
  async run(context) {
    const { children, redis, note } = context;
    const folder = mkdtempSync(join(tmpdir(), 'depthcast-bench-tls-'));
    try {
      const { cert, key } = await makeCerts(folder, { force: false });
      const server = await redis();
      const plain = await startGateway({ ...context, redis: async () => server }, STREAM);
      const secure = await runGateway(children, server.url, { TLS_CERT_PATH: cert, TLS_KEY_PATH: key });
      const of = (more: Partial<Contestant['aim']>): Contestant => ({
        ...plain,
        aim: { ...plain.aim, port: secure.port, ...more },
        pids: [secure.pid],
      });
      const load = children.script('../fanout/load-client', import.meta.url);
      const round = (contestant: Contestant) => () => deliver(load, contestant);
      const taken = await interleave(
        {
          plain: round(plain),
          http1: round(of({ over: 'https' })),
          http2: round(of({ over: 'http2' })),
          shared: round(of({ over: 'http2', perConnection: PER_CONNECTION })),
        },
        ROUNDS,
      );
      const cores = (us: number) => (us / 1e6).toFixed(2);
      for (const [who, it] of Object.entries(taken)) {
        note(
          `${who}: ${it.gigabytes.median.toFixed(2)} GB/s; cores: gateway ${cores(it.serverUs.median)}, clients ${cores(it.clientUs.median)}`,
        );
      }
      note(`${CLIENTS} clients; shared: ${PER_CONNECTION} to a connection`);
      const row = (
        suffix: string,
        figure: keyof Delivery,
        unit: string,
        ours: keyof typeof taken,
        theirs: keyof typeof taken,
      ) =>
        rowOf({
          name: `${this.name}${suffix}`,
          unit,
          ours: taken[ours][figure],
          reference: NAMES[theirs],
          theirs: taken[theirs][figure],
        });
      const rate = ['rate', 'events/s'] as const;
      return [
        row('', ...rate, 'http2', 'http1'),
        row('.shared', ...rate, 'shared', 'http1'),
        row('.vs-plain', ...rate, 'http2', 'plain'),
        row('.tls', ...rate, 'http1', 'plain'),
        row('.p99', 'p99Ms', 'ms', 'http2', 'http1'),
        row('.shared.p99', 'p99Ms', 'ms', 'shared', 'http1'),
        row('.cpu', 'cpuUs', 'µs/event', 'http2', 'http1'),
        row('.shared.cpu', 'cpuUs', 'µs/event', 'shared', 'http1'),
        row('.tls.cpu', 'cpuUs', 'µs/event', 'http1', 'plain'),
      ];
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

const NAMES = {
  plain: 'HTTP/1.1 without TLS',
  http1: 'HTTP/1.1 over TLS',
  http2: 'HTTP/2',
  shared: 'HTTP/2, shared connections',
} as const;
