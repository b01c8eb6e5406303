import { readFileSync } from 'node:fs';
import { Metrics } from '@depthcast/ops';
import { describe, expect, it } from '@jest/globals';
import { EngineMetrics } from './engine-metrics.ts';

const OPERATIONS = new URL('../../../docs/OPERATIONS.md', import.meta.url);

describe('the metrics of an engine', () => {
  it('are those of docs/OPERATIONS.md', async () => {
    const registry = new Metrics('engine');
    const metrics = new EngineMetrics(registry);
    expect(metrics).toBeDefined();
    const published = (await registry.getMetricsAsJSON()).map(({ name }) => name);
    const documented = [...readFileSync(OPERATIONS, 'utf8').matchAll(/^\| `(depthcast_engine_\w+)`/gm)];
    expect(documented.map(([, name]) => name).sort()).toEqual(
      published.filter((name) => name.startsWith('depthcast_engine_')).sort(),
    );
  });

  it('tell how late an input was when it came, and when its events were in the log', async () => {
    const registry = new Metrics('engine');
    const metrics = new EngineMetrics(registry).of(0);
    metrics.landed('{"src":"a","seq":1,"tsRecvUs":1700000000250000,"tsEventUs":1700000000000000}', 1_700_000_000_300);
    // A clock tick comes from no venue; and a clock may be behind another.
    metrics.landed('{"src":"a","seq":2,"tsRecvUs":1700000000400000,"type":"clock"}', 1_700_000_000_300);
    const text = await registry.metrics();
    const value = (name: string, stage: string) =>
      Number(new RegExp(`^depthcast_latency_seconds_${name}\\{.*stage="${stage}".*\\} (.*)$`, 'm').exec(text)?.[1]);
    expect([value('count', 'venue_to_ingest'), value('sum', 'venue_to_ingest')]).toEqual([1, 0.25]);
    expect(value('count', 'ingest_to_log')).toBe(2);
    expect(value('sum', 'ingest_to_log')).toBeCloseTo(0.05, 6);
  });

  it('are told of each partition', async () => {
    const registry = new Metrics('engine');
    const metrics = new EngineMetrics(registry);
    const [first] = [0, 2].map((partition) => metrics.of(partition));
    first?.recovered({ epoch: 1_000, offset: 7 });
    first?.applied(3, 5, 1);
    const text = await registry.metrics();
    const values = (name: string) =>
      [...text.matchAll(new RegExp(`^depthcast_engine_${name}\\{partition="(\\d)",app="engine"\\} (.*)$`, 'gm'))].map(
        ([, partition, value]) => [partition, value],
      );
    // A partition of which nothing has been told yet shows that: an alert must not miss it.
    expect(values('leads')).toEqual([
      ['0', '1'],
      ['2', '0'],
    ]);
    expect(values('events_total')).toEqual([
      ['0', '5'],
      ['2', '0'],
    ]);
    expect(values('redis_memory_seconds_left')).toEqual([
      ['0', '+Inf'],
      ['2', '+Inf'],
    ]);
  });
});
