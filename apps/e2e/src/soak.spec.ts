import type { App } from '@depthcast/testing';
import { until } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LogClient, type RestlessClient, type Seen, SocketIoClient, ViewClient } from './restless-clients.ts';
import { TestStack } from './stack.ts';

/**
 * `SOAK_SECONDS=600 npx jest … soak` is the long one; what runs with the other tests takes half a minute. It needs the
 * machine for itself: a gateway that gets no CPU holds more.
 */
const SOAK_SECONDS = Number(process.env.SOAK_SECONDS ?? 30);
/** Each costs a gateway two collections of all its garbage. */
const SAMPLES = SOAK_SECONDS >= 300 ? 40 : 12;
/** Of the time, after which windows, caches and pools are as full as they get, and what is hot has been compiled. */
const WARM_UP = 0.3;
/** In half a minute of a busy machine one more page of compiled code is a percent already. */
const GROWTH_MAX = SOAK_SECONDS >= 300 ? 0.05 : 0.1;
const CLIENTS_A_KIND = 8;
const MEBIBYTE = 1 << 20;

/**
 * Into each gateway, beside its own code: on SIGUSR2 it collects its garbage and says what is left, which is the one
 * honest measure. What a heap has grown to depends on when it was last collected.
 */
const PROBE = `
  import { setFlagsFromString } from 'node:v8';
  import { runInNewContext } from 'node:vm';
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  process.on('SIGUSR2', () => {
    collect();
    collect();
    process.stdout.write(JSON.stringify({ msg: 'memory', ...process.memoryUsage() }) + '\\n');
  });
`;

interface Sample {
  /** What is alive: the heap, and buffers outside of it. */
  readonly liveBytes: number;
  readonly rssBytes: number;
}

describe(`${SOAK_SECONDS} s of clients that come and go`, () => {
  let stack: TestStack;
  const seen: Seen = { connections: 0, events: 0, problems: [] };
  const curves: Sample[][] = [[], []];

  beforeAll(async () => {
    stack = await TestStack.start({
      gateways: 2,
      journal: {},
      ingest: { SIMULATOR_RATE: '300' },
      gateway: {
        NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(PROBE)}`,
        // Full soon.
        WINDOW_BYTES: String(MEBIBYTE),
      },
    });
  }, 60_000);
  afterAll(() => stack?.stop());

  async function sample(gateway: App): Promise<Sample> {
    const memories = () => gateway.lines.filter(({ msg }) => msg === 'memory');
    const { length } = memories();
    process.kill(gateway.pid, 'SIGUSR2');
    await until(() => memories().length > length, 10_000, 'the memory of a gateway');
    const { heapUsed, external, rss } = memories().at(-1) as unknown as Record<string, number>;
    return { liveBytes: (heapUsed ?? 0) + (external ?? 0), rssBytes: rss ?? 0 };
  }

  async function sessions(k: number): Promise<number> {
    const text = await (await fetch(stack.url(k, '/metrics'))).text();
    const lines = text.split('\n').filter((line) => line.startsWith('depthcast_gateway_sessions{'));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  it(
    'leave no memory behind in a gateway, and lose nothing',
    async () => {
      const urls = [0, 1].map((k) => stack.url(k, ''));
      const clients: RestlessClient[] = [];
      for (let i = 0; i < CLIENTS_A_KIND; i++) {
        clients.push(new LogClient(urls, seen), new ViewClient(urls, seen), new SocketIoClient(urls, seen));
      }
      for (let n = 1; n <= SAMPLES; n++) {
        await new Promise((resolve) => setTimeout(resolve, (SOAK_SECONDS * 1_000) / SAMPLES));
        for (const [k, gateway] of stack.gateways.entries()) curves[k]?.push(await sample(gateway));
      }
      await Promise.all(clients.map((client) => client.stop()));
      process.stdout.write(`${curves.map(curveText).join('\n')}\n${JSON.stringify(seen)}\n`);
      expect(seen.problems).toEqual([]);
      expect(seen.connections).toBeGreaterThan(SOAK_SECONDS * CLIENTS_A_KIND * 0.2);
      expect(seen.events).toBeGreaterThan(SOAK_SECONDS * 1_000);
      for (const k of [0, 1]) await until(async () => (await sessions(k)) === 0, 10_000, 'no session is left over');
      for (const curve of curves) expect(growthOf(curve)).toBeLessThan(GROWTH_MAX);
    },
    SOAK_SECONDS * 1_500 + 120_000,
  );
});

/** Of what is alive: the median of the last part after the warm-up against that of the first. */
function growthOf(curve: readonly Sample[]): number {
  const warm = curve.slice(Math.floor(curve.length * WARM_UP)).map(({ liveBytes }) => liveBytes);
  const part = Math.ceil(warm.length / 3);
  const [before, after] = [median(warm.slice(0, part)), median(warm.slice(-part))];
  return (after - before) / before;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}

function curveText(curve: readonly Sample[], k: number): string {
  const mib = (pick: (sample: Sample) => number) => curve.map((each) => (pick(each) / MEBIBYTE).toFixed(1)).join(' ');
  const growth = `${(growthOf(curve) * 100).toFixed(2)} %`;
  return `gateway ${k}, growth ${growth}\n  alive, MiB: ${mib((s) => s.liveBytes)}\n  resident, MiB: ${mib((s) => s.rssBytes)}`;
}
