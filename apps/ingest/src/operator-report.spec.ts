import { Metrics } from '@depthcast/ops';
import { describe, expect, it } from '@jest/globals';
import { type Logger, OperatorReport } from './operator-report.ts';

describe('malformed messages', () => {
  it('are counted by kind and logged once, cut to 200 characters', async () => {
    const lines: Record<string, unknown>[] = [];
    const logger = { warn: (fields: Record<string, unknown>) => lines.push(fields) } as unknown as Logger;
    const metrics = new Metrics('test');
    const report = new OperatorReport(logger, metrics, 'binance');
    for (let i = 0; i < 500; i++) report.malformed(i % 5 === 0 ? 'json' : 'depth', 'x'.repeat(5_000), 'not JSON');
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ code: 'VENUE_MESSAGE_INVALID', kind: 'json', count: 1, sample: 'x'.repeat(200) });
    const text = await metrics.metrics();
    expect(text).toContain('depthcast_ingest_malformed_total{venue="binance",kind="json",app="test"} 100');
    expect(text).toContain('depthcast_ingest_malformed_total{venue="binance",kind="depth",app="test"} 400');
  });
});
