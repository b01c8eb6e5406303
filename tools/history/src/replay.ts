import { once } from 'node:events';
import type { ReplayArguments } from './arguments.ts';
import { CallError, call, textOf } from './call.ts';
import { Frames } from './frames.ts';
import { counted, type Progress } from './progress.ts';

/** Where the history ends: cursors there, and its time in ms. */
interface End {
  readonly cursor: string;
  readonly time: number | null;
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
      isAtEnd = end !== undefined && id !== '' && isAtOrBeyond(id, end.cursor);
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

const CONTROL = new Set(['connection_info', 'heartbeat', 'error', 'reset']);

async function endOf(gateway: string, signal: AbortSignal): Promise<End> {
  const response = await call('gateway', `${gateway}/api/history/stats`, { signal });
  const { partitions } = JSON.parse(await textOf(response)) as { partitions: readonly End[] };
  const [only] = partitions;
  if (!only) throw new CallError('the history is empty');
  return only;
}

/** By epoch, then offset. */
export function isAtOrBeyond(id: string, end: string): boolean {
  const [epoch = 0, offset = 0] = id.split('-').map(Number);
  const [endEpoch = 0, endOffset = 0] = end.split('-').map(Number);
  return epoch > endEpoch || (epoch === endEpoch && offset >= endOffset);
}

/** The event's own time, ms, where it says one. */
function timeOf(data: string): number | undefined {
  const ns = /"ts_ns":(\d+)\d{6}\b/.exec(data)?.[1];
  const ms = ns ?? /"timestamp":(\d{12,14})\b/.exec(data)?.[1];
  return ms === undefined ? undefined : Number(ms);
}
