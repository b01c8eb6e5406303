import { Filter } from '../fanout/filter.ts';
import type { Format } from '../fanout/format.ts';
import type { RateBudget } from '../fanout/rates.ts';
import { LogSession } from '../fanout/session.ts';
import { Gateway, type GatewayOptions } from '../gateway.ts';
import { Partitions } from '../partitions/partitions.ts';
import { LateSink } from '../transports/late-sink.ts';
import { parseStreamSubscription } from '../transports/stream-params.ts';
import { StreamSession } from '../transports/stream-session.ts';
import { MemoryLog } from './memory-log.ts';
import { type Frame, MemorySink } from './memory-sink.ts';

export const EPOCH = 1_767_225_600_000;
/** A window of a few dozen entries: nearly everything falls out of it. */
export const TINY = { bytesMax: 80_000, entriesMax: 64, segmentBytes: 700 };
export const PLAIN: Format = { ids: 'cursor', chain: false, framing: 'chunks' };

export const idOf = (offset: number) => `${EPOCH}-${offset}`;

/** A gateway on a log in memory, started. Its warnings are collected: a sound run has none. */
export function gatewayOf(
  log: MemoryLog,
  window = TINY,
  warnings: string[] = [],
  options: Partial<GatewayOptions> = {},
): Gateway {
  const gateway = new Gateway({
    source: log,
    flushMs: 0,
    clockStaleMs: 1_000,
    window,
    aheadWaitMs: 60_000,
    ...options,
    onWarn: (message, error) => warnings.push(`${message} ${error?.stack ?? ''}`),
  });
  gateway.start();
  return gateway;
}

/** A log of one epoch with `count` events at the offsets 1, 2 … */
export function newLog(count = 0, topic = 'market:A'): MemoryLog {
  const log = new MemoryLog();
  log.openEpoch(EPOCH);
  for (let i = 1; i <= count; i++) log.append(topic, `{"n":${i}}`);
  return log;
}

export interface Wanted {
  readonly types?: string[] | undefined;
  readonly symbols?: string[] | undefined;
  readonly account?: string;
  readonly format?: Format;
  readonly lastId?: string;
  readonly fromHeader?: boolean;
  /** Over TLS. */
  readonly isLate?: boolean;
  readonly budget?: RateBudget | undefined;
}

export interface MemoryClient {
  readonly sink: MemorySink;
  readonly session: LogSession;
}

export function connect(gateway: Gateway, wanted: Wanted = {}): MemoryClient {
  const { lastId, fromHeader = true } = wanted;
  const sink = new MemorySink();
  const { account } = wanted;
  const filter = new Filter(gateway.topics, wanted.types, wanted.symbols, account === undefined ? {} : { account });
  sink.isLate = wanted.isLate ?? false;
  const session = new LogSession(sink.isLate ? new LateSink(sink) : sink, filter, wanted.format ?? PLAIN);
  session.budget = wanted.budget;
  gateway.fanout.add(session);
  void gateway.ladder.start(session, lastId === undefined ? undefined : { text: lastId, fromHeader });
  return { sink, session };
}

/** A connection to `/stream`, greeted with nothing, at `interval=0`. With a data type: to every symbol's views. */
export function connectStreams(
  gateway: Gateway,
  streams: string,
  { lastId, stalled = false, dataType }: { lastId?: string | undefined; stalled?: boolean; dataType?: string } = {},
): { sink: MemorySink; close(): void } {
  const sink = new MemorySink();
  sink.stalled = stalled;
  const query = { interval: '0', ...(dataType === undefined ? { streams } : { data_type: dataType }) };
  const subscription = parseStreamSubscription(query, lastId, {
    symbols: gateway.state.symbols,
    kindOf: (symbol) => gateway.state.book(symbol)?.kind,
    intervalMsDefault: 0,
    streamsMax: 100,
  });
  if (subscription.errors[0] && dataType === undefined) throw new Error(subscription.errors[0].message);
  const session = new StreamSession(new Partitions([gateway]), sink, 'chunks', subscription);
  void session.start('');
  return { sink, close: () => session.close() };
}

/** What came with data: no frames of an id alone. */
export function eventsOf({ sink, session }: MemoryClient): Frame[] {
  return sink.frames(session.format.framing).filter((frame) => frame.data !== undefined);
}
