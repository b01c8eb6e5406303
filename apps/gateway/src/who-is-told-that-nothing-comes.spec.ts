import { afterEach, describe, expect, it } from '@jest/globals';
import { Gateway } from './gateway.ts';
import { connect, eventsOf, type MemoryClient, newLog, TINY } from './testing/memory-gateway.ts';
import type { MemoryLog } from './testing/memory-log.ts';
import { settle } from './testing/memory-sink.ts';

/** A log with one symbol, and a gateway over it whose clock stands still until it is moved. */
class Bench {
  readonly log: MemoryLog;
  readonly gateway: Gateway;
  #nowMs = 1_000;

  constructor() {
    this.log = newLog(3);
    const options = { source: this.log, flushMs: 0, clockStaleMs: 1_000, window: TINY, onWarn: () => {} };
    this.gateway = new Gateway({ ...options, nowMs: () => this.#nowMs });
    gateways.push(this.gateway);
    this.gateway.start();
  }

  status(status: string): void {
    this.log.append('book_status:A', `{"type":"book_status","symbol":"A","ts_ns":1,"status":"${status}"}`);
  }

  /** Nothing comes for so long that what is shown is stale. */
  async silence(): Promise<void> {
    this.#nowMs += 5_000;
    this.gateway.watch.check();
    await settle();
  }

  async clock(): Promise<void> {
    this.log.append('clock', '{"ts_ns":1}');
    await settle();
  }
}
const gateways: Gateway[] = [];

afterEach(async () => {
  for (const gateway of gateways.splice(0)) await gateway.stop();
});

const statuses = (client: MemoryClient) =>
  eventsOf(client)
    .filter(({ event }) => event === 'book_status')
    .map(({ id, data }) => [JSON.parse(data ?? '').status, id === undefined ? 'control' : 'log']);

describe('who was told by a control frame that a book is not in sync', () => {
  it('is told what becomes of it, also where its filter drops the events that say so', async () => {
    const bench = new Bench();
    bench.status('synced');
    await settle();
    const filtered = connect(bench.gateway, { types: ['bbo'] });
    const elsewhere = connect(bench.gateway, { types: ['bbo'], symbols: ['B'] });
    const all = connect(bench.gateway);
    await settle();
    await bench.silence();
    bench.status('gap');
    await bench.clock();
    bench.status('buffering');
    await settle();
    bench.status('synced');
    await settle();
    expect(statuses(filtered).map(([status]) => status)).toEqual(['stale', 'gap', 'buffering', 'synced']);
    expect(statuses(all).filter(([, from]) => from === 'control')).toEqual([
      ['stale', 'control'],
      ['gap', 'control'],
    ]);
    expect(statuses(all).at(-1)).toEqual(['synced', 'log']);
    expect(statuses(elsewhere)).toEqual([]);
    // In sync as far as it knows: what its filter drops is none of its business again.
    bench.status('gap');
    await settle();
    expect(statuses(filtered)).toHaveLength(4);
  });

  it('is told when its socket takes it, when it was slow at that time', async () => {
    const bench = new Bench();
    bench.status('gap');
    await settle();
    const client = connect(bench.gateway, { types: ['bbo'] });
    await settle();
    await bench.silence();
    await bench.clock();
    expect(statuses(client).map(([status]) => status)).toEqual(['stale', 'gap']);
    client.sink.stalled = true;
    bench.log.append('bbo:A', '{"n":1}');
    await settle();
    bench.status('synced');
    await settle();
    client.sink.resume();
    await settle();
    expect(statuses(client).at(-1)).toEqual(['synced', 'control']);
  });
});

describe('a session that comes while nothing flows and has to wait for Redis', () => {
  it('is told at once that what it watches is stale, then what it missed, then stale again as long as it is', async () => {
    const bench = new Bench();
    bench.status('synced');
    for (let i = 0; i < 500; i++) bench.log.append('market:A', `{"n":${i}}`);
    await settle(200);
    await bench.silence();
    let back: () => void = () => {};
    const away = new Promise<void>((resolve) => {
      back = resolve;
    });
    const range = bench.log.range.bind(bench.log);
    bench.log.range = async (after, countMax) => {
      await away;
      return range(after, countMax);
    };
    const client = connect(bench.gateway, { lastId: `${bench.log.last?.epoch}-2` });
    await settle();
    bench.gateway.watch.check();
    bench.gateway.watch.check();
    bench.gateway.fanout.keepAlive(0);
    expect(statuses(client)).toEqual([['stale', 'control']]);
    expect(client.sink.received.toString()).toContain(': keep-alive');
    back();
    await settle(200);
    expect(statuses(client)).toEqual([
      ['stale', 'control'],
      ['synced', 'log'],
      ['stale', 'control'],
    ]);
    await bench.clock();
    expect(statuses(client).at(-1)).toEqual(['synced', 'control']);
  });
});
