import { LatencyHistogram, type Metrics, within } from '@depthcast/ops';
import { Counter, Gauge } from 'prom-client';
import type { OrderDesk } from './commands/order-desk.ts';
import { lagOf } from './fanout/lag.ts';
import { NOWHERE } from './fanout/session.ts';
import type { Gateway } from './gateway.ts';
import type { Partitions } from './partitions/partitions.ts';
import type { ReplayDesk } from './replay/replay-desk.ts';
import type { LogSource } from './tail/log-source.ts';
import { answered } from './transports/error-answer.ts';
import type { SessionDesk } from './transports/session-desk.ts';
import type { SocketIoServer } from './transports/socketio/socket-io-server.ts';

const PREFIX = 'depthcast_gateway_';
/** Redis may be away; metrics must not be. */
const TIP_WAIT_MS = 500;

type Labels = Record<string, string>;
type Reading = readonly [labels: Labels, value: number];

export interface Measured {
  readonly partitions: Partitions;
  readonly desk: SessionDesk;
  readonly socketIo: SocketIoServer;
  readonly replays: ReplayDesk;
  readonly orders: OrderDesk;
  /** By partition. */
  readonly sources: readonly LogSource[];
}

/**
 * Publishes what the core counts for itself. The hot path adds to plain numbers; they are read when somebody asks.
 */
export function registerGatewayMetrics(
  metrics: Metrics,
  { partitions, desk, socketIo, replays, orders, sources }: Measured,
): void {
  const { all } = partitions;
  const sum = (of: (gateway: Gateway) => number) => all.reduce((total, gateway) => total + of(gateway), 0);
  const gauge = (name: string, help: string, labelNames: string[], read: () => readonly Reading[]) =>
    new Gauge({
      name: PREFIX + name,
      help,
      labelNames,
      registers: [metrics],
      collect() {
        this.reset();
        for (const [labels, value] of read()) this.set(labels, value);
      },
    });
  const counter = (name: string, help: string, labelNames: string[], read: () => readonly Reading[]) =>
    new Counter({
      name: PREFIX + name,
      help,
      labelNames,
      registers: [metrics],
      collect() {
        this.reset();
        for (const [labels, value] of read()) this.inc(labels, value);
      },
    });

  gauge('sessions', 'Open sessions', ['transport', 'state'], () => [
    // The log session of a /stream connection stands beside a view session, which is counted.
    ...countStates(
      'api_stream',
      all.flatMap(({ fanout }) => [...fanout.sessions].filter(({ companion }) => !companion)),
    ),
    ...countStates(
      'stream',
      all.flatMap(({ views }) => [...views.sessions].filter(({ framing }) => framing !== 'packets')),
    ),
    ...[...socketIo.connections].map(
      ([name, count]): Reading => [{ transport: `socketio_${name}`, state: 'open' }, count],
    ),
  ]);
  gauge('groups', 'Groups of sessions that share their frames', [], () => [
    [{}, sum(({ fanout }) => fanout.groups.size)],
  ]);
  const outOf = (sse: 'framesOut' | 'bytesOut', packets: 'packetsOut' | 'packetBytesOut') => (): Reading[] => [
    [{ transport: 'api_stream' }, sum(({ fanout: { stats } }) => stats[sse] - stats[packets])],
    [{ transport: 'stream' }, sum(({ views: { stats } }) => stats[sse] - stats[packets])],
    [{ transport: 'socketio' }, sum(({ fanout, views }) => fanout.stats[packets] + views.stats[packets])],
  ];
  const OF_THE_LOG = 'api_stream: all that come out of the log over SSE, those of /stream too';
  counter('frames_out_total', `Frames written; ${OF_THE_LOG}`, ['transport'], outOf('framesOut', 'packetsOut'));
  counter('bytes_out_total', `Bytes written; ${OF_THE_LOG}`, ['transport'], outOf('bytesOut', 'packetBytesOut'));
  gauge('slowest_session_lag_entries', 'Entries that the session furthest behind has yet to be sent', [], () => [
    [{}, Math.max(...all.map(slowestLag))],
  ]);
  gauge('unsent_bytes', 'Bytes that sockets have been given and the network has not taken', [], () => [
    [{}, unsentBytes(all)],
  ]);
  counter('slow_writes_total', 'Writes that a socket did not take at once', [], () => [
    [{}, sum(({ fanout }) => fanout.stats.slowWrites)],
  ]);
  counter('views_skipped_total', 'View frames that slow sessions were spared', [], () => [
    [{}, sum(({ views }) => views.stats.skipped)],
  ]);
  counter('socketio_events_total', 'Events of Socket.IO clients, by what became of them', ['outcome'], () => {
    const { events, refused, unknown, tooLong } = socketIo.stats;
    return [
      [{ outcome: 'taken' }, events - refused - unknown],
      [{ outcome: 'rate_exceeded' }, refused],
      [{ outcome: 'unknown' }, unknown],
      [{ outcome: 'too_long' }, tooLong],
    ];
  });
  counter('rate_limited_total', 'Times that a connection had more to be sent than its rate allows', ['kind'], () =>
    Object.entries(partitions.rates.held).map(([kind, count]) => [{ kind }, count]),
  );
  counter('sessions_closed_total', 'Sessions that were closed from here, by the reason', ['reason'], () =>
    [...desk.closed].map(([reason, count]) => [{ reason }, count]),
  );
  counter('refused_total', 'Sessions refused', [], () => [[{}, desk.refused]]);
  counter('errors_total', 'Errors that clients were answered, over whatever transport', ['code'], () =>
    [...answered].map(([code, count]) => [{ code }, count]),
  );
  counter('orders_total', 'Orders and cancels, by what became of them', ['command', 'outcome'], () =>
    [...totals(orders.intakes.map(({ outcomes }) => outcomes))].map(([key, count]) => {
      const [command = '', outcome = ''] = key.split(' ');
      return [{ command, outcome }, count];
    }),
  );
  gauge('orders_pending', 'Orders and cancels under way', [], () => [
    [{}, orders.intakes.reduce((pending, intake) => pending + intake.pending, 0)],
  ]);
  counter('resumes_total', 'Sessions started, by where their cursor was found', ['rung'], () =>
    [...totals(all.map(({ ladder }) => new Map(Object.entries(ladder.stats.outcomes))))].map(([rung, count]) => [
      { rung },
      count,
    ]),
  );
  gauge('replays', 'Sessions that are being played the past', [], () => [[{}, replays.running]]);
  counter('resets_total', 'Resets, by reason', ['reason'], () =>
    [...totals(all.map(({ ladder }) => new Map(Object.entries(ladder.stats.resets))))].map(([reason, count]) => [
      { reason },
      count,
    ]),
  );
  counter('history_pages_total', 'Pages of entries older than the window sent', [], () => [
    [{}, sum(({ ladder }) => ladder.stats.pages)],
  ]);
  counter('tail_entries_total', 'Entries read', [], () => [[{}, sum(({ stats }) => stats.entries)]]);
  counter('tail_batches_total', 'Batches read', [], () => [[{}, sum(({ stats }) => stats.batches)]]);
  counter('tail_restarts_total', 'Times the tail began anew', [], () => [[{}, sum(({ stats }) => stats.restarts)]]);
  counter('book_mismatches_total', "Books that differed from the log's checksum", [], () => [
    [{}, sum(({ stats }) => stats.mismatches)],
  ]);
  gauge('tail_batch_entries', 'Entries of the last batch', [], () => [
    [{}, sum(({ stats }) => stats.lastBatchEntries)],
  ]);
  gauge('window_bytes', 'Memory of the window', [], () => [[{}, sum(({ window }) => window.bytes)]]);
  gauge('window_entries', 'Entries in the window', [], () => [[{}, sum(({ window }) => window.end - window.first)]]);
  gauge('stale', '1 while no clock events come', [], () => [[{}, all.some(({ watch }) => watch.isStale) ? 1 : 0]]);
  const latency = new LatencyHistogram(metrics);
  const observers = {
    ingest_to_socket: latency.stage('ingest_to_socket'),
    read_to_socket: latency.stage('read_to_socket'),
  };
  for (const gateway of all) gateway.latency.observers = observers;
  new Gauge({
    name: `${PREFIX}tail_lag_entries`,
    help: 'Entries that Redis has and this gateway has not; absent while Redis is away',
    registers: [metrics],
    async collect() {
      this.reset();
      const lags = await Promise.all(all.map((gateway, i) => tailLag(gateway, sources[i] as LogSource)));
      const known = lags.filter((lag) => lag !== undefined);
      if (known.length > 0) this.set(Math.max(...known));
    },
  });
}

/** Whose cursor is of an epoch that has left the window is behind by the whole of it at least. */
function slowestLag({ fanout, window }: Gateway): number {
  const { first, end } = window;
  let lag = 0;
  for (const session of fanout.sessions) {
    if (session.state === 'head' || (session.position === NOWHERE && !session.cursor)) continue;
    lag = Math.max(lag, lagOf(session, window) ?? end - first);
  }
  return lag;
}

/** Of each connection once, though it may have two sessions. */
function unsentBytes(all: readonly Gateway[]): number {
  const sinks = new Set(
    all.flatMap(({ fanout, views }) => [...fanout.sessions, ...views.sessions]).map(({ sink }) => sink),
  );
  let bytes = 0;
  for (const { writableLength } of sinks) bytes += writableLength;
  return bytes;
}

/** Nothing of a log that is not followed. */
async function tailLag(gateway: Gateway, source: LogSource): Promise<number | undefined> {
  if (!gateway.isFollowing) return undefined;
  const tip = await within(
    source.tip().catch(() => undefined),
    TIP_WAIT_MS,
  );
  const { tail } = gateway.window;
  if (!tip) return undefined;
  return tail?.epoch === tip.epoch ? Math.max(0, tip.offset - tail.offset) : tip.offset + 1;
}

/** Each connection once, though it may have a session in several partitions: as the one that has to wait stands. */
function countStates(
  transport: string,
  sessions: Iterable<{ readonly sink: object; readonly state: string }>,
): Reading[] {
  const states = new Map<object, string>();
  for (const { sink, state } of sessions) if (!states.has(sink) || !isCurrent(state)) states.set(sink, state);
  const counts = new Map<string, number>();
  for (const state of states.values()) counts.set(state, (counts.get(state) ?? 0) + 1);
  return [...counts].map(([state, count]) => [{ transport, state }, count]);
}

function isCurrent(state: string): boolean {
  return state === 'head' || state === 'live';
}

function totals(parts: readonly ReadonlyMap<string, number>[]): Map<string, number> {
  const total = new Map<string, number>();
  for (const part of parts) for (const [key, count] of part) total.set(key, (total.get(key) ?? 0) + count);
  return total;
}
