import { parseEvent } from '@depthcast/protocol';
import type { App } from '@depthcast/testing';
import { expect } from '@jest/globals';

export interface LoggedEvent {
  readonly id: string;
  readonly topic: string;
  readonly payload: string;
}

/**
 * What the source numbered arrives once, in order, without a hole: every book change begins one update after the one
 * before, and no trade comes twice. (That ids have no hole, reading the log has checked already.)
 */
export function expectWhole(log: readonly LoggedEvent[]): void {
  const last = new Map<string, number>();
  const trades = new Map<string, number>();
  let changes = 0;
  for (const { topic, payload } of log) {
    const [type, symbol = ''] = topic.split(':');
    if (type === 'book_change') {
      const change = parseEvent('book_change', payload);
      const before = last.get(symbol);
      if (before !== undefined && !change.is_snapshot) expect([symbol, change.first]).toEqual([symbol, before + 1]);
      last.set(symbol, change.last);
      changes++;
    } else if (type === 'trade') {
      const { trade_id: id } = parseEvent('trade', payload);
      expect(id).toBeGreaterThan(trades.get(symbol) ?? -1);
      trades.set(symbol, id);
    } else if (type === 'book_status') {
      expect(parseEvent('book_status', payload).status).not.toBe('gap');
    }
  }
  expect(changes).toBeGreaterThan(100);
}

/** How many events these engines have written again, after Redis had lost them, as their logs say. */
export function reappended(engines: readonly App[]): number {
  const lines = engines.flatMap(({ lines }) => lines).filter(({ reappended }) => typeof reappended === 'number');
  return lines.reduce((sum, { reappended }) => sum + (reappended as number), 0);
}
