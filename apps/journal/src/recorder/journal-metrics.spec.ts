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
});
