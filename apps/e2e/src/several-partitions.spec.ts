import { partitionKeys, readTip } from '@depthcast/log';
import {
  type Cursor,
  type EventType,
  formatCursor,
  formatSessionCursor,
  logStreamEvents,
  partitionOf,
} from '@depthcast/protocol';
import { until } from '@depthcast/testing';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { LoggedEvent } from './log-checks.ts';
import { SocketSession, SseSession } from './session-clients.ts';
import { TestStack } from './stack.ts';

const PARTITIONS = 4;
const SYMBOLS = ['BTCUSD', 'ETHUSD', 'SOLUSD', 'AVAXUSD', 'ADAUSD', 'LTCUSD'];
/** One of each partition. */
const TRADED = SYMBOLS.slice(0, PARTITIONS);
const STREAM_TYPES = ['TRADES', 'L3', 'TICKER'] as const;
const STREAMS = SYMBOLS.flatMap((symbol) => STREAM_TYPES.map((type) => `${symbol}:${type}`));
const STREAMED: ReadonlySet<EventType> = new Set(STREAM_TYPES.flatMap((type) => logStreamEvents[type].types));
const EVENTS_MIN = 10_000;

let stack: TestStack;
let sse: SseSession | undefined;
let socket: SocketSession | undefined;

afterEach(async () => {
  await sse?.stop();
  socket?.stop();
  [sse, socket] = [undefined, undefined];
  await stack?.stop();
}, 60_000);

const origins = () => [0, 1].map((k) => stack.url(k, ''));

async function tails(): Promise<Cursor[]> {
  const keys = Array.from({ length: PARTITIONS }, (_, partition) => partitionKeys(partition));
  const tips = await Promise.all(keys.map((its) => readTip(stack.client, its)));
  return tips.map((tip) => ({ epoch: tip?.epoch ?? 0, offset: tip?.offset ?? 0 }));
}

/** Resolves when both clients have been sent so many more events of every partition. */
async function flows(events = 100): Promise<void> {
  const received = [sse, socket].flatMap((client) => client?.record.received ?? []);
  const before = received.map(({ length }) => length);
  const grown = () => received.every(({ length }, i) => length >= (before[i] as number) + events);
  await until(grown, 60_000, `${events} more events of every partition to each client`);
}

function everyEvent({ topic, payload }: LoggedEvent): string {
  return `${topic.split(':')[0]} ${payload}`;
}

/** What Socket.IO's JSON makes of an entry: numbers beyond 2^53 are rounded by its parser as by ours. */
function ofTheStreams({ topic, payload }: LoggedEvent): string | undefined {
  const [type] = topic.split(':');
  return STREAMED.has(type as EventType) ? `${type} ${JSON.stringify(JSON.parse(payload))}` : undefined;
}

async function order(origin: string, symbol: string): Promise<string> {
  const response = await fetch(`${origin}/api/orders?wait=ack`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ symbol, side: 'BUY', qty: 1, client_order_id: `e2e-${symbol}` }),
  });
  return `${response.status} ${await response.text()}`;
}

describe.each([
  ['one Redis', {}],
  ['a Redis Cluster', { cluster: true }],
])('four partitions on %s', (name, shape) => {
  it('are one stream with one id, over SSE and Socket.IO, through moved clients, killed gateways and engines', async () => {
    expect(new Set(TRADED.map((symbol) => partitionOf(symbol, PARTITIONS))).size).toBe(PARTITIONS);
    stack = await TestStack.start({
      gateways: 2,
      partitions: PARTITIONS,
      ...shape,
      ingest: { SIMULATOR_RATE: '800', SYMBOLS: SYMBOLS.join(',') },
      engine: { SNAPSHOT_EVERY_MS: '1500' },
    });
    const begin = await tails();
    sse = new SseSession(origins, PARTITIONS, formatSessionCursor(begin));
    socket = new SocketSession(origins, PARTITIONS, formatSessionCursor(begin), STREAMS);
    await flows();

    for (let k = 0; k < 4; k++) {
      sse.move();
      socket.move();
      await flows(20);
    }
    for (const k of [0, 1]) {
      await stack.gateways[k]?.kill();
      await flows(50);
      await stack.startGateway(k).ready();
    }
    await stack.engine.kill();
    stack.startEngine();
    await stack.engine.ready();
    await flows();
    if (stack.isCluster) {
      const master = await stack.cluster.masterOf(partitionKeys(2).log);
      await master.kill();
      await until(async () => (await stack.cluster.masterOf(partitionKeys(2).log)) !== master, 20_000, 'a successor');
      await flows();
    }
    const answers = await Promise.all(TRADED.map((symbol, i) => order(origins()[i % 2] as string, symbol)));
    expect(answers).toEqual(TRADED.map(() => expect.stringMatching(/^200 .*"status":"(ACCEPTED|FILLED)"/)));
    await until(() => (sse?.record.count ?? 0) >= EVENTS_MIN, 60_000, `${EVENTS_MIN} events`);

    await stack.ingest.stop();
    const logs: LoggedEvent[][] = [];
    for (let partition = 0; partition < PARTITIONS; partition++) logs.push(await stack.settledLog(partition));
    const ends = logs.map((log) => log.at(-1)?.id);
    const places = () => ends.map((_, partition) => formatCursor((sse as SseSession).record.placeIn(partition)));
    await until(() => JSON.stringify(places()) === JSON.stringify(ends), 20_000, 'the client reaching every end');
    const last = logs.map((log) => log.findLast((entry) => ofTheStreams(entry))?.id);
    const reached = () => last.every((id, k) => (socket as SocketSession).record.received[k]?.at(-1)?.id === id);
    await until(reached, 20_000, 'the Socket.IO client reaching every end');

    console.log(
      `${name}: SSE ${sse.record.count} events over ${sse.connections} connections, Socket.IO ${socket.record.count} ` +
        `over ${socket.connections}; by partition ${sse.record.received.map(({ length }) => length)}`,
    );
    expect([stack.engine.running, sse.record.problems, socket.record.problems]).toEqual([true, [], []]);
    expect([sse.record.resets, socket.record.resets]).toEqual([[], []]);
    for (const [partition, log] of logs.entries()) {
      const from = formatCursor(begin[partition] as Cursor);
      expect(sse.record.differenceFrom(partition, log, everyEvent, from)).toBe('');
      expect(socket.record.differenceFrom(partition, log, ofTheStreams, from)).toBe('');
      expect(new Set(log.map(({ id }) => id.split('-')[0])).size).toBe(1);
    }
  }, 200_000);
});
