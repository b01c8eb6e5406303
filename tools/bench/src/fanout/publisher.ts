import { setTimeout as sleep } from 'node:timers/promises';
import { BATCH_ENTRIES_MAX, connectRedis, LogWriter, partitionKeys, type RedisClient } from '@depthcast/log';
import type { LogEvent } from '@depthcast/protocol';
import { stampNow } from '../clock.ts';
import { serveParent } from '../script-side.ts';
import { diffs, type EventSource } from './event-source.ts';
import { type MixKind, marketMix } from './market-mix.ts';
import { Pace } from './pace.ts';

/** Stands where the engine stands: the one writer of a log, at a held rate. */
export type PublisherAsk =
  | ({ readonly kind: 'open'; readonly url: string } & PublisherSetup)
  | { readonly kind: 'start'; readonly eventsPerSecond: number }
  | { readonly kind: 'stop' };

export interface PublisherSetup {
  /** Whose books change, in turn; default the one. */
  readonly symbols?: readonly string[];
  /** A market's events in place of those changes. */
  readonly mix?: MixKind;
  /** Between two batches; default 4. */
  readonly tickMs?: number;
}

const TICK_MS = 4;

let client: RedisClient;
let writer: LogWriter;
let source: EventSource;
let tickMs = TICK_MS;
let running: Promise<void> = Promise.resolve();
let stopping = false;
let sent = 0;
let clockSecond = 0;

function clockEvent(second: number): LogEvent {
  return { topic: 'clock', payload: `{"type":"clock","ts_ns":${second}000000000,"second":${second}}` };
}

async function publish(eventsPerSecond: number): Promise<void> {
  const pace = new Pace(eventsPerSecond, BATCH_ENTRIES_MAX - 1);
  while (!stopping) {
    const due = pace.take();
    const stamp = stampNow();
    const events: LogEvent[] = [];
    for (let i = 0; i < due; i++) events.push(source.next(stamp));
    sent += due;
    // Delivery is watched by these: without them a gateway would call everything stale.
    const second = Math.floor(Date.now() / 1_000);
    if (second !== clockSecond) events.push(clockEvent(second));
    clockSecond = second;
    await writer.append(events, `${sent + 1}-0`);
    await sleep(tickMs);
  }
}

serveParent<PublisherAsk>(async (ask) => {
  switch (ask.kind) {
    case 'open':
      client = connectRedis(ask.url, { name: 'bench-publisher' });
      writer = new LogWriter({ client, keys: partitionKeys(), writer: 'bench', logicVersion: 'bench' });
      await writer.claim();
      await writer.openEpoch('bench', '0-0', '{}');
      source = ask.mix ? marketMix(ask.mix) : diffs(ask.symbols);
      tickMs = ask.tickMs ?? TICK_MS;
      await writer.append(source.opening(stampNow()), '1-0');
      return {};
    case 'start':
      stopping = false;
      running = publish(ask.eventsPerSecond);
      running.catch(() => {});
      return {};
    case 'stop':
      stopping = true;
      await running;
      return {};
  }
});
