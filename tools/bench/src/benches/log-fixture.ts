import { LogWriter, partitionKeys, type RedisClient } from '@depthcast/log';
import type { LogEvent } from '@depthcast/protocol';
import { bookChangeEvent } from '../sample-event.ts';

export const BATCH_ENTRIES = 1_000;
const keys = partitionKeys();

/** One append's worth of 400 B events, each different. Made once: what is measured is the writing. */
export function sampleBatch(): LogEvent[] {
  return Array.from({ length: BATCH_ENTRIES }, (_, i) => bookChangeEvent(i, `${1_723_161_255_088_169 + i * 1_000}000`));
}

/** A writer at the beginning of a new log. */
export async function openLog(client: RedisClient): Promise<LogWriter> {
  const writer = new LogWriter({ client, keys, writer: 'bench', logicVersion: 'bench' });
  await writer.claim();
  await writer.openEpoch('bench', '0-0', '{}');
  return writer;
}
