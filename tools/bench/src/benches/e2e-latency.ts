import { connectRedis, InboxProducer, partitionKeys } from '@depthcast/log';
import { freePort } from '@depthcast/start';
import { Redis } from 'ioredis';
import type { HopAsk } from '../e2e/bare-hop.ts';
import { TradeTimer } from '../e2e/trade-timer.ts';
import { type Bench, type BenchContext, interleave, rowOf } from '../harness.ts';
import { SYMBOL } from '../sample-event.ts';

const EVENTS_PER_SECOND = 1_000;
const EVENTS = 3 * EVENTS_PER_SECOND;
const ROUNDS = { warmUps: 1, rounds: 5 };
const PATH = '/api/stream?types=trade';

interface Path {
  round(): Promise<{ p50: number; p99: number }>;
  close(): void;
}

/**
 * From InboxProducer.push to the receipt of the `trade` event that carries it: producer, inbox, engine process, log,
 * gateway process, SSE. The reference is the floor of such a path on this machine, the same two hops by hand.
 */
export const e2eLatency: Bench = {
  name: 'e2e.latency',
  async run(context) {
    const { url } = await context.redis();
    const ours = await throughApps(context, url);
    const bare = await throughBareHops(context, url);
    try {
      const taken = await interleave({ ours: () => ours.round(), theirs: () => bare.round() }, ROUNDS);
      const reference = 'the same two hops by hand';
      const row = (name: string, figure: 'p50' | 'p99', atMost: number) =>
        rowOf({
          name,
          unit: 'ms',
          ours: taken.ours[figure],
          reference,
          theirs: taken.theirs[figure],
          target: { on: 'value', atMost },
        });
      return [row(this.name, 'p50', 3), row(`${this.name}.p99`, 'p99', 15)];
    } finally {
      ours.close();
      bare.close();
    }
  },
};

async function throughApps({ children }: BenchContext, url: string): Promise<Path> {
  const [opsPort, port] = [await freePort(), await freePort()];
  await children.app('engine', {
    env: { REDIS_URL: url, OPS_ADDR: `127.0.0.1:${opsPort}` },
    readyUrl: `http://127.0.0.1:${opsPort}/ready`,
  });
  const client = connectRedis(url, { name: 'bench-producer' });
  const producer = new InboxProducer({ client, keys: partitionKeys() });
  producer.push({
    type: 'symbol',
    tsRecvUs: nowUs(),
    symbol: SYMBOL,
    venue: 'bench',
    tick: '0.01',
    step: '0.00001',
    depthRule: 'spot',
    quotes: false,
  });
  await producer.flush();
  await children.app('gateway', {
    args: ['--addr', `127.0.0.1:${port}`],
    env: { REDIS_URL: url },
    readyUrl: `http://127.0.0.1:${port}/ready`,
  });
  const timer = await TradeTimer.connect(port, PATH);
  const send = (tradeId: number) => {
    const us = nowUs();
    producer.push({
      type: 'trade',
      tsRecvUs: us,
      tsEventUs: us,
      symbol: SYMBOL,
      tradeId,
      price: '61800.20',
      qty: '0.01400',
      side: 'BUY',
    });
  };
  return {
    round: () => timer.round(EVENTS, EVENTS_PER_SECOND, send),
    close: () => {
      timer.close();
      client.disconnect();
    },
  };
}

async function throughBareHops({ children }: BenchContext, url: string): Promise<Path> {
  const ask = <T>(what: HopAsk) => children.script('../e2e/bare-hop', import.meta.url).request<T>(what);
  await ask({ kind: 'relay', url, from: 'bench:a', to: 'bench:b' });
  const { port } = await ask<{ port: number }>({ kind: 'serve', url, from: 'bench:b' });
  const client = new Redis(url);
  const timer = await TradeTimer.connect(port, PATH);
  const send = (tradeId: number) => {
    const payload = `{"type":"trade","symbol":"${SYMBOL}","ts_ns":${nowUs()}000,"trade_id":${tradeId},"price":61800.20,"qty":0.01400,"side":"BUY"}`;
    void client.xadd('bench:a', '*', `trade:${SYMBOL}`, payload);
  };
  return {
    round: () => timer.round(EVENTS, EVENTS_PER_SECOND, send),
    close: () => {
      timer.close();
      client.disconnect();
    },
  };
}

function nowUs(): number {
  return Date.now() * 1_000;
}
