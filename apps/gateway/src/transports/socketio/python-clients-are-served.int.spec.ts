import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { startRedis, type TestRedis } from '@depthcast/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { LogFeeder } from '../../testing/log-feeder.ts';
import { TestGateway } from '../../testing/test-gateway.ts';

/** The BBO seed's Python example, which also asks for the time and subscribes; each message as a line of JSON. */
const PROGRAM = `
import json, sys, socketio
url, transports, last_id = sys.argv[1], sys.argv[2].split(','), sys.argv[3]
sio = socketio.Client(reconnection=False)
def say(*what):
    # One write: handlers run in threads of their own.
    sys.stdout.write(json.dumps(what) + '\\n')
    sys.stdout.flush()
@sio.event
def connect():
    sio.emit('ready')
@sio.on('bbo_update')
def on_bbo_update(data):
    say('bbo_update', data)
@sio.on('welcome')
def on_welcome(data):
    say('welcome', data)
    sio.emit('request_initial_data')
@sio.on('pong')
def on_pong(data):
    say('pong', data)
@sio.on('cursor')
def on_cursor(data):
    say('cursor', data)
sio.connect(url, transports=transports, wait_timeout=20, auth={'lastId': last_id} if last_id else None)
sio.emit('subscribe', ['NOPE:MBP:5', 'BTCUSDT:TRADES'], callback=lambda answer: say('answer', answer))
sio.emit('ping')
for line in sys.stdin:
    break
sio.disconnect()
`;

const probe = spawnSync('python3', ['-c', 'import socketio, requests, websocket'], { timeout: 20_000 });
const isThere = probe.status === 0;
if (!isThere) {
  process.stderr.write(
    'SKIPPED: no python3 with socketio, requests and websocket (Debian: python3-socketio python3-websocket)\n',
  );
}

/** Debian's python3-socketio against a gateway. */
(isThere ? describe : describe.skip)('a client in Python', () => {
  let redis: TestRedis;
  let feeder: LogFeeder;
  let gateway: TestGateway;
  const children: ChildProcess[] = [];
  let n = 0;

  beforeAll(async () => {
    redis = await startRedis();
    feeder = await LogFeeder.open(redis.url);
    await feeder.book('BTCUSDT', [['100.0', '1']], [['101.0', '1']]);
    await append();
    gateway = await (await TestGateway.start(redis.url)).reaches(feeder.id);
  });

  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await TestGateway.stopAll();
    LogFeeder.closeAll();
    await redis?.stop();
  });

  const append = () => feeder.append(['bbo:BTCUSDT', `{"symbol":"BTCUSDT","bidPrice":"1.10","timestamp":${++n}}`]);

  async function run(transports: string, lastId = '') {
    const child = spawn('python3', ['-c', PROGRAM, gateway.url, transports, lastId]);
    children.push(child);
    const lines: [string, Record<string, unknown>][] = [];
    let errors = '';
    createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line)));
    child.stderr.on('data', (part) => {
      errors += part;
    });
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    const next = async (count: number, event: string) => {
      const found = () => lines.filter(([name]) => name === event).map(([, data]) => data);
      for (let i = 0; found().length < count; i++) {
        if (i > 1_000 || child.exitCode !== null) throw new Error(`no ${event}: ${JSON.stringify(lines)} ${errors}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      return found();
    };
    const stop = async () => {
      child.stdin.end('\n');
      const timer = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await ended;
      clearTimeout(timer);
      return errors;
    };
    return { next, stop };
  }

  it.each([['websocket'], ['polling'], ['polling,websocket']])(
    'runs the example of the seed, by %s',
    async (transports) => {
      const client = await run(transports);
      expect(await client.next(1, 'welcome')).toEqual([{ message: 'Welcome to BBO Stream' }]);
      await client.next(1, 'cursor');
      const [initial] = await client.next(1, 'bbo_update');
      expect(initial).toEqual({ symbol: 'BTCUSDT', bidPrice: '1.10', timestamp: n });
      const id = await append();
      const updates = await client.next(2, 'bbo_update');
      expect(updates.at(-1)).toEqual({ symbol: 'BTCUSDT', bidPrice: '1.10', timestamp: n, cursor: id });
      expect((await client.next(1, 'pong'))[0]).toEqual({ time: expect.any(Number) });
      const [answer] = await client.next(1, 'answer');
      expect(answer).toMatchObject({ ok: false, streams: ['BTCUSDT:TRADES'], errors: [{ error: 'SYMBOL_UNKNOWN' }] });
      expect(await client.stop()).toBe('');
      // And comes back to what it has missed.
      for (let i = 0; i < 3; i++) await append();
      const again = await run(transports, id);
      const missed = await again.next(4, 'bbo_update');
      expect(missed.filter(({ cursor }) => cursor).map(({ timestamp }) => timestamp)).toEqual([n - 2, n - 1, n]);
      expect(await again.stop()).toBe('');
    },
  );
});
