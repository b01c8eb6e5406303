import type { LogEntry } from '@depthcast/log';
import { describe, expect, it } from '@jest/globals';
import { type Topic, TopicTable } from '../fanout/topics.ts';
import { DeliveryLatency } from './delivery-latency.ts';

const topics = new TopicTable();
const entry = (topic: string, payload: string, offset = 0): LogEntry => ({
  epoch: 1,
  offset,
  topic,
  payload: Buffer.from(payload),
});
const bbo = (receivedMs: number) => entry('bbo:BTCUSD', `{"timestamp":1,"serverTimestamp":${receivedMs},"x":0}`);

describe('the latency of what is delivered', () => {
  const samples = (batches: LogEntry[][], startedMs = [0, 100, 200]) => {
    const got: [string, number][] = [];
    let clockMs = 0;
    const latency = new DeliveryLatency(
      () => 5_000,
      () => clockMs + 3,
    );
    latency.observers = {
      ingest_to_socket: (seconds) => got.push(['ingest_to_socket', seconds]),
      read_to_socket: (seconds) => got.push(['read_to_socket', seconds]),
    };
    for (const [i, entries] of batches.entries()) {
      clockMs = startedMs[i] as number;
      const of = entries.map(({ topic, payload }): Topic => topics.of(topic, payload));
      latency.written(entries, of, clockMs);
    }
    return got;
  };

  it('is that of the newest best price of a batch, once a batch', () => {
    expect(samples([[bbo(1_000), bbo(4_750), entry('clock', '{}')]])).toEqual([
      ['read_to_socket', 0.003],
      ['ingest_to_socket', 0.25],
    ]);
  });

  it('of a batch without one is its time in the gateway alone', () => {
    expect(samples([[entry('trade:BTCUSD', '{"serverTimestamp":1}')]])).toEqual([['read_to_socket', 0.003]]);
  });

  it('is never less than nothing, though clocks differ', () => {
    expect(samples([[bbo(6_000)]])[1]).toEqual(['ingest_to_socket', 0]);
  });

  it('is looked at a hundred times a second at most', () => {
    expect(samples([[bbo(4_000)], [bbo(4_000)], [bbo(4_000)]], [0, 9, 10])).toHaveLength(4);
  });
});
