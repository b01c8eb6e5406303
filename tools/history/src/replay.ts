import { once } from 'node:events';
import type { ReplayArguments } from './arguments.ts';
import { CallError, call, textOf } from './call.ts';
import { Frames } from './frames.ts';
import { counted, type Progress } from './progress.ts';

/** Where a partition's history ends, and the time there in ms. */
export interface PartitionEnd {
  readonly partition: number;
  readonly cursor: string;
  readonly time: number | null;
}

/** The same of all that have one. */
interface End {
  readonly partitions: readonly PartitionEnd[];
  readonly time: number;
}

/** What a replay writes events to. */
export interface Out {
  write(text: string): boolean;
  once(event: string, listener: () => void): unknown;
}

/**
 * A client of the gateway's replay: shows each event as `<id> <type> <data>`, or counts them, until it has come to
 * where the history ended when it began.
 *
 * @returns the exit code.
 */
export async function replay(
  { gateway, streams, from, speed, quiet, follow }: ReplayArguments,
  progress: Progress,
  out: Out,
  say: (text: string) => void,
  signal: AbortSignal,
): Promise<number> {
  const end = follow ? undefined : await endOf(gateway, signal);
  const what = streams.length > 0 ? { streams: streams.join(',') } : { types: 'all' };
  const query = new URLSearchParams({ ...what, from, speed });
  const path = streams.length > 0 ? '/stream' : '/api/stream';
  const response = await call('gateway', `${gateway}${path}?${query}`, { signal });
  const frames = new Frames();
  response.setEncoding('utf8');
  let events = 0;
  let beganMs: number | undefined;
  for await (const piece of response) {
    let text = '';
    let isAtEnd = false;
    for (const { id, event, data } of frames.push(piece)) {
      if (event === 'error') say(`the gateway says: ${data}`);
      if (event === 'reset') throw new CallError(`the history does not go back to ${from}: ${data}`);
      const isEvent = data !== '' && !CONTROL.has(event);
      if (isEvent) {
        events++;
        if (!quiet) text += `${id} ${event} ${data}\n`;
      }
      isAtEnd = end !== undefined && id !== '' && isAtOrBeyond(id, end.partitions);
      if (isAtEnd) break;
      const ms = isEvent ? timeOf(data) : undefined;
      if (ms === undefined) continue;
      beganMs ??= ms;
      const span = (end?.time ?? 0) - beganMs;
      progress.show(
        span > 0 ? (ms - beganMs) / span : undefined,
        `${counted(events)} events, at ${new Date(ms).toISOString()}`,
      );
    }
    if (text !== '' && !out.write(text)) await once(out as never, 'drain', { signal });
    if (!isAtEnd) continue;
    progress.clear();
    say(`${counted(events)} events in ${progress.seconds.toFixed(1)} s`);
    return 0;
  }
  progress.clear();
  throw new CallError(`the gateway ended the stream after ${counted(events)} events`);
}

const CONTROL = new Set(['connection_info', 'heartbeat', 'error', 'reset', 'replay']);

async function endOf(gateway: string, signal: AbortSignal): Promise<End> {
  const response = await call('gateway', `${gateway}/api/history/stats`, { signal });
  const { partitions } = JSON.parse(await textOf(response)) as { partitions: readonly PartitionEnd[] };
  if (partitions.length === 0) throw new CallError('the history is empty');
  return { partitions, time: Math.max(...partitions.map(({ time }) => time ?? 0)) };
}

/** In every partition that has an end, by epoch, then offset. An id over several has a part for each, in base 36. */
export function isAtOrBeyond(id: string, ends: readonly PartitionEnd[]): boolean {
  const parts = id.split('_');
  const radix = parts.length > 1 ? 36 : 10;
  return ends.every(({ partition, cursor }) => {
    const [epoch = 0, offset = 0] = (parts[partition] ?? '').split('-').map((part) => Number.parseInt(part, radix));
    const [endEpoch = 0, endOffset = 0] = cursor.split('-').map(Number);
    return epoch > endEpoch || (epoch === endEpoch && offset >= endOffset);
  });
}

/** The event's own time, ms, where it says one. */
function timeOf(data: string): number | undefined {
  const ns = /"ts_ns":(\d+)\d{6}\b/.exec(data)?.[1];
  const ms = ns ?? /"timestamp":(\d{12,14})\b/.exec(data)?.[1];
  return ms === undefined ? undefined : Number(ms);
}
