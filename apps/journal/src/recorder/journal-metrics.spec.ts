import { readFileSync } from 'node:fs';
import { Metrics } from '@depthcast/ops';
import { describe, expect, it } from '@jest/globals';
import { JournalMetrics } from './journal-metrics.ts';

const OPERATIONS = new URL('../../../../docs/OPERATIONS.md', import.meta.url);

describe('the metrics of a journal', () => {
  it('are those of docs/OPERATIONS.md', async () => {
    const registry = new Metrics('journal');
    expect(new JournalMetrics(registry)).toBeDefined();
    const published = (await registry.getMetricsAsJSON()).map(({ name }) => name);
    const documented = [...readFileSync(OPERATIONS, 'utf8').matchAll(/^\| `(depthcast_journal_\w+)`/gm)];
    expect(documented.map(([, name]) => name).sort()).toEqual(
      published.filter((name) => name.startsWith('depthcast_journal_')).sort(),
    );
  });

  it('are told apart by partition from the start, but for the memory, which all of them fill', async () => {
    const registry = new Metrics('journal');
    const metrics = new JournalMetrics(registry);
    for (const partition of [0, 1, 2]) metrics.begin(partition);
    const valuesOf = async (name: string) =>
      (await registry.getSingleMetric(`depthcast_journal_${name}`)?.get())?.values;
    const lags = async () => (await valuesOf('lag_events'))?.map(({ value, labels }) => [labels.partition, value]);
    expect(await lags()).toEqual([
      [0, 0],
      [1, 0],
      [2, 0],
    ]);
    expect(await valuesOf('committed_events_total')).toHaveLength(3);
    const left = async () => (await valuesOf('redis_memory_seconds_left'))?.map(({ value }) => value);
    expect(metrics.lag(0, { events: 5, seconds: 1, memorySecondsLeft: 300 })).toBe(300);
    expect(metrics.lag(1, { events: 7, seconds: 1, memorySecondsLeft: 150 })).toBeCloseTo(100);
    expect(metrics.lag(2, { events: 0, seconds: 0, memorySecondsLeft: Number.POSITIVE_INFINITY })).toBeCloseTo(100);
    expect(await lags()).toEqual([
      [0, 5],
      [1, 7],
      [2, 0],
    ]);
    expect((await left())?.map(Math.round)).toEqual([100]);
    expect(metrics.lag(2, { events: 9, seconds: 9, memorySecondsLeft: 0 })).toBe(0);
  });
});
