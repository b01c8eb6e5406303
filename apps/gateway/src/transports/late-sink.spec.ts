import { describe, expect, it } from '@jest/globals';
import { connect, eventsOf, gatewayOf, idOf, newLog, PLAIN } from '../testing/memory-gateway.ts';
import { MemorySink, settle } from '../testing/memory-sink.ts';
import { LateSink } from './late-sink.ts';

describe('a connection that takes what is written a turn later', () => {
  it('is not taken for slow: at the head it stays in its group', async () => {
    const log = newLog(1);
    const gateway = gatewayOf(log);
    await settle();
    const clients = [1, 2, 3].map(() => connect(gateway, { isLate: true }));
    await settle();
    for (let i = 2; i <= 50; i++) {
      log.append('market:A', `{"n":${i}}`);
      await settle(4);
    }
    expect(gateway.fanout.stats.slowWrites).toBe(0);
    expect([...gateway.fanout.groups.values()].map(({ sessions }) => sessions.length)).toEqual([3]);
    for (const client of clients) expect(eventsOf(client)).toHaveLength(49);
    await gateway.stop();
  });

  it('is held a bounded number of bytes when its client stops reading, and gets the rest when it goes on', async () => {
    const log = newLog(1);
    const gateway = gatewayOf(log, { bytesMax: 16 << 20, entriesMax: 4_000, segmentBytes: 10_000 });
    await settle();
    const client = connect(gateway, { isLate: true, format: { ...PLAIN, chain: true } });
    await settle();
    client.sink.stalled = true;
    const pad = 'x'.repeat(1_000);
    for (let i = 2; i <= 1_000; i++) {
      log.append('market:A', `{"n":${i},"pad":"${pad}"}`);
      if (i % 10 === 0) await settle(2);
    }
    await settle();
    expect(client.session.state).toBe('draining');
    expect(client.sink.writableLength).toBeLessThan((64 << 10) + 2 * 11_000);
    client.sink.resume();
    await settle(200);
    expect(eventsOf(client).map(({ id }) => id)).toEqual(Array.from({ length: 999 }, (_, i) => idOf(i + 2)));
    expect(client.session.state).toBe('head');
    await gateway.stop();
  });

  it('counts what waits besides the last write, and from 64 KiB on', () => {
    const sink = new MemorySink();
    sink.stalled = true;
    const late = new LateSink(sink);
    late.write(Buffer.alloc(100_000));
    expect(late.writableLength).toBe(0);
    late.write(Buffer.alloc(10));
    late.write(Buffer.alloc(0));
    expect(late.writableLength).toBe(100_000);
    sink.take(40_000);
    expect(late.writableLength).toBe(0);
    late.destroy();
    expect([sink.destroyed, late.destroyed]).toEqual([true, true]);
  });
});
