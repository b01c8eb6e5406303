import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { startRedis, type TestRedis, until } from '@depthcast/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { WebSocket } from 'ws';
import { LogFeeder } from '../../testing/log-feeder.ts';
import { TestGateway } from '../../testing/test-gateway.ts';

const EVENTS = ['ready', 'request_initial_data', 'ping', 'subscribe', 'unsubscribe'];
const MESSAGE_BYTES_MAX = 64 << 10;
const ANSWER_MS = 5_000;
const QUIET_MS = 20;
const HEAP_GROWTH_BYTES_MAX = 4 << 20;
/** What the gateway may say of its own accord, and in answer to anything. */
const SAID = new Set([
  ...['welcome', 'pong', 'error', 'cursor', 'reset', 'drain', 'market_data', 'bbo_update', 'book_status'],
  ...['book_change', 'book_order', 'book_orders', 'trade', 'ticker', 'kline', 'analytics'],
]);

/** An event packet whose arguments are JSON text, so that it can hold what no object of ours would. */
const packet = (event: string, ...given: string[]) => `42[${[JSON.stringify(event), ...given].join(',')}]`;
const nested = (depth: number, inner = '1') => '['.repeat(depth) + inner + ']'.repeat(depth);

const hostileJson = fc.oneof(
  fc.jsonValue().map((value) => JSON.stringify(value)),
  fc.constantFrom(
    '{"__proto__":{"interval":0}}',
    '{"constructor":{"prototype":{"interval":0}}}',
    '{"interval":1e999}',
    '{"interval":-0}',
    '{"interval":{"valueOf":1}}',
    '"BTCUSD:MBP:1\\r\\nid: 1\\u0000"',
    '"\\ud800"',
    '["BTCUSD:MBP:1",["BTCUSD:MBP:2"]]',
    '{"_placeholder":true,"num":0}',
    '{"_placeholder":true,"num":-1}',
    '9007199254740993',
    nested(10_000),
    `{"a":${nested(1_000, '{"a":1}')}}`,
  ),
  fc.nat(20_000).map((length) => JSON.stringify('BTCUSD:MBP:1,'.repeat(length / 13))),
);
const event = fc.oneof(
  fc.constantFrom(...EVENTS),
  fc.constantFrom(
    '__proto__',
    'constructor',
    'toString',
    'connect',
    'disconnect',
    'disconnecting',
    'newListener',
    'error',
    '',
  ),
  fc.string({ unit: 'binary', maxLength: 30 }),
);
const eventPacket = fc
  .tuple(event, fc.array(hostileJson, { maxLength: 3 }))
  .map(([name, given]) => packet(name, ...given));
/** An event that promises parts in binary, and parts that keep the promise or do not. */
const binaryEvent = fc
  .record({
    promised: fc.constantFrom('0', '1', '2', '10', '99999999', '-1', 'x', '1e3'),
    event: fc.constantFrom(...EVENTS),
    given: fc.constantFrom('{"_placeholder":true,"num":0}', '{"_placeholder":true,"num":7}', nested(10_000), '"x"'),
    parts: fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 3 }),
  })
  .map(({ promised, event: name, given, parts }) => [
    `45${promised}-["${name}",${given}]`,
    ...parts.map((part) => Buffer.from(part)),
  ]);
const junk = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.constantFrom(
    '',
    '0',
    '1',
    '2',
    '2probe',
    '3',
    '4',
    '5',
    '6',
    '7',
    '40',
    '40/admin,',
    '41',
    '42',
    '43',
    '44',
    '45',
    '46',
    '49',
  ),
  fc.constantFrom(
    '42[',
    '42{}',
    '42[null]',
    '42[{}]',
    '420["ping"]',
    '42-1["ping"]',
    '4399[]',
    '42["ping"',
    '44{"message":"x"}',
  ),
  fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
);
const message = fc.oneof(
  { weight: 6, arbitrary: eventPacket.map((text): (string | Buffer)[] => [text]) },
  { weight: 2, arbitrary: binaryEvent },
  { weight: 2, arbitrary: junk.map((said) => [said]) },
);

/** A WebSocket that speaks Engine.IO and Socket.IO by hand, and hides nothing. */
class RawClient {
  static readonly #open = new Set<RawClient>();
  readonly received: string[] = [];
  readonly #socket: WebSocket;
  readonly closed: Promise<void>;

  constructor(url: string) {
    RawClient.#open.add(this);
    this.#socket = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
    this.closed = new Promise((resolve) => this.#socket.once('close', () => resolve()));
    this.#socket.on('error', () => {});
    this.#socket.on('message', (data) => this.received.push(String(data)));
  }

  static closeAll(): void {
    for (const client of RawClient.#open) client.close();
  }

  /** @param auth as JSON text. */
  async enter(auth = ''): Promise<this> {
    await this.until((text) => text.startsWith('0'));
    this.send(`40${auth}`);
    return this;
  }

  async until(matches: (text: string) => boolean): Promise<string> {
    await until(() => this.received.some(matches) || this.isClosed, ANSWER_MS, 'a packet');
    return this.received.find(matches) ?? '';
  }

  get isClosed(): boolean {
    return this.#socket.readyState === WebSocket.CLOSED;
  }

  send(said: string | Buffer): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(said);
  }

  close(): void {
    RawClient.#open.delete(this);
    this.#socket.terminate();
  }

  /** Until nothing more comes. */
  async quiet(): Promise<void> {
    for (let before = -1; before !== this.received.length && !this.isClosed; ) {
      before = this.received.length;
      await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    }
  }
}

describe('whatever packets come over Socket.IO', () => {
  let redis: TestRedis;
  let feeder: LogFeeder;
  let gateway: TestGateway;

  beforeAll(async () => {
    redis = await startRedis();
    feeder = await LogFeeder.open(redis.url);
    await feeder.book('BTCUSD', [['100.0', '1']], [['101.0', '1']]);
    gateway = await TestGateway.start(redis.url, { SOCKET_EVENTS_PER_SECOND_MAX: '100000', STREAMS_MAX: '5' });
    await gateway.reaches(feeder.id);
  });

  afterEach(async () => {
    RawClient.closeAll();
    await until(async () => (await sessions()) === 0, ANSWER_MS, 'no session is left');
  });

  afterAll(async () => {
    await TestGateway.stopAll();
    LogFeeder.closeAll();
    await redis?.stop();
  });

  async function sessions(): Promise<number> {
    const lines = (await gateway.text('/metrics'))
      .split('\n')
      .filter((line) => line.startsWith('depthcast_gateway_sessions{'));
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  }

  /** What was sent is one of ours, and an error is typed and short. */
  function check(texts: readonly string[]): void {
    for (const text of texts) {
      if (/^(?:0|2$|3|40|41$|1$)/.test(text)) continue;
      if (text.startsWith('44')) {
        // Of a namespace that there is not, its name comes first.
        expect(JSON.parse(text.replace(/^44(?:\/[^,]*,)?/, ''))).toMatchObject({ message: expect.any(String) });
        continue;
      }
      expect(text).toMatch(/^4[23]\d*\[/);
      const [name, data] = JSON.parse(text.replace(/^4[23]\d*/, '')) as [unknown, Record<string, unknown>];
      if (text.startsWith('43')) continue;
      expect(SAID).toContain(name);
      if (name !== 'error') continue;
      expect(data).toMatchObject({ event: 'error', code: expect.any(Number), message: expect.any(String) });
      expect(text.length).toBeLessThan(2_000);
    }
  }

  it('each is answered with what is ours to say, or its connection ends; all others go on', async () => {
    const bystander = await new RawClient(gateway.url).enter();
    await bystander.until((text) => text.includes('welcome'));
    let errors = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 8 }), async (messages) => {
        const client = await new RawClient(gateway.url).enter();
        await client.until((text) => text.includes('welcome'));
        for (const said of messages.flat()) client.send(said);
        client.send(packet('ping'));
        await Promise.race([client.until((text) => text.includes('"pong"')), client.closed]);
        await client.quiet();
        check(client.received);
        errors += client.received.filter((text) => text.startsWith('42["error"')).length;
        client.close();
      }),
      { numRuns: 250 },
    );
    expect(errors).toBeGreaterThan(40);
    expect(bystander.isClosed).toBe(false);
    bystander.send('427["ping"]');
    expect(await bystander.until((text) => text.startsWith('437'))).toMatch(/^437\[\{"time":\d+\}\]$/);
  }, 120_000);

  it('a handshake lets in or says why not, whatever it says of itself', async () => {
    const names = ['lastId', 'streams', 'interval', 'ready', 'chain', 'token', '__proto__', 'constructor'];
    const auth = fc.oneof(
      hostileJson,
      fc
        .array(fc.tuple(fc.constantFrom(...names), hostileJson), { maxLength: 4 })
        .map((members) => `{${members.map(([name, said]) => `"${name}":${said}`).join(',')}}`),
    );
    const seen = { in: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(auth, async (said) => {
        const client = await new RawClient(gateway.url).enter(said);
        const answer = await client.until((text) => /^4[04]/.test(text));
        await client.quiet();
        check(client.received);
        if (answer.startsWith('40')) seen.in++;
        else if (answer !== '') {
          expect(JSON.parse(answer.slice(2)).data).toMatchObject({
            event: 'error',
            code: 400,
            error: 'PARAMETER_INVALID',
          });
          expect(answer.length).toBeLessThan(2_000);
          seen.refused++;
        }
        client.close();
      }),
      { numRuns: 200 },
    );
    expect(seen.in).toBeGreaterThan(10);
    expect(seen.refused).toBeGreaterThan(50);
  }, 60_000);

  it('nothing that has no prototype of its own gets one of ours', async () => {
    const client = await new RawClient(gateway.url).enter('{"__proto__":{"ready":true}}');
    await client.until((text) => text.includes('welcome'));
    client.send(packet('subscribe', '"BTCUSD:MBP:1"', '{"__proto__":{"interval":7}}'));
    client.send(packet('subscribe', '{"__proto__":["BTCUSD:MBP:1"]}'));
    await client.until((text) => text.startsWith('42["error"'));
    expect(({} as Record<string, unknown>).interval).toBeUndefined();
    expect(({} as Record<string, unknown>).ready).toBeUndefined();
  });

  it.each([
    ['a whole message', packet('subscribe', JSON.stringify('x'.repeat(2 << 20)))],
    ['its name', packet('x'.repeat(2 << 20))],
    ['binary', Buffer.alloc(2 << 20)],
  ])('one of two megabytes ends its connection and no other: %s', async (_what, said) => {
    const [client, bystander] = [await new RawClient(gateway.url).enter(), await new RawClient(gateway.url).enter()];
    await Promise.all([client, bystander].map((each) => each.until((text) => text.includes('welcome'))));
    client.send(said);
    await client.closed;
    expect(bystander.isClosed).toBe(false);
  });

  it('those of ten thousand subscriptions leave no more than STREAMS_MAX, and nothing when they go', async () => {
    const client = await new RawClient(gateway.url).enter();
    await client.until((text) => text.includes('welcome'));
    const many = Array.from({ length: 3_500 }, (_, i) => `BTCUSD:MBP:${(i % 1_000) + 1}`);
    expect(JSON.stringify(many).length).toBeLessThan(MESSAGE_BYTES_MAX);
    for (let i = 0; i < 3; i++) client.send(packet('subscribe', JSON.stringify(many)));
    for (let i = 0; i < 10_000; i++)
      client.send(packet(i % 2 ? 'unsubscribe' : 'subscribe', `"BTCUSD:MBP:${(i % 990) + 1}"`));
    client.send(`421${packet('subscribe', '"BTCUSD:TRADES"').slice(2)}`);
    const answer = JSON.parse((await client.until((text) => text.startsWith('431'))).slice(3) || '[{}]')[0];
    expect(answer.streams?.length ?? 0).toBeLessThanOrEqual(5);
    expect(await sessions()).toBeLessThanOrEqual(1);
  }, 30_000);

  it('they are forgotten with their connections: memory is what it was', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const heap = (): number => {
      collect();
      collect();
      return process.memoryUsage().heapUsed;
    };
    const batch = async (seed: number): Promise<void> => {
      const samples = fc.sample(fc.array(message, { minLength: 1, maxLength: 8 }), { numRuns: 60, seed });
      for (let i = 0; i < samples.length; i += 10) {
        await Promise.all(
          samples.slice(i, i + 10).map(async (messages) => {
            const client = await new RawClient(gateway.url).enter();
            await client.until((text) => text.includes('welcome'));
            for (const said of messages.flat()) client.send(said);
            await client.quiet();
            client.close();
          }),
        );
      }
      await until(async () => (await sessions()) === 0, ANSWER_MS, 'no session is left');
    };
    for (let seed = 1; seed <= 4; seed++) await batch(seed);
    const before = heap();
    for (let seed = 5; seed <= 16; seed++) await batch(seed);
    expect(heap() - before).toBeLessThan(HEAP_GROWTH_BYTES_MAX);
  }, 120_000);
});
