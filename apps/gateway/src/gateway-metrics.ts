import { LatencyHistogram, type Metrics } from '@depthcast/ops';
import { Counter, Gauge } from 'prom-client';
import type { OrderIntake } from './commands/order-intake.ts';
import { NOWHERE } from './fanout/session.ts';
import type { Gateway } from './gateway.ts';
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
  readonly gateway: Gateway;
  readonly desk: SessionDesk;
  readonly socketIo: SocketIoServer;
  readonly replays: ReplayDesk;
  readonly intake: OrderIntake;
  readonly source: LogSource;
}

/**
 * Publishes what the core counts for itself. The hot path adds to plain numbers; they are read when somebody asks.
 */
export function registerGatewayMetrics(
  metrics: Metrics,
  { gateway, desk, socketIo, replays, intake, source }: Measured,
): void {
  const { fanout, views, ladder, stats, watch, window } = gateway;
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
      [...fanout.sessions].filter(({ companion }) => !companion),
    ),
    ...countStates(
      'stream',
      [...views.sessions].filter(({ framing }) => framing !== 'packets'),
    ),
    ...[...socketIo.connections].map(
      ([name, count]): Reading => [{ transport: `socketio_${name}`, state: 'open' }, count],
    ),
  ]);
  gauge('groups', 'Groups of sessions that share their frames', [], () => [[{}, fanout.groups.size]]);
  const outOf = (sse: 'framesOut' | 'bytesOut', packets: 'packetsOut' | 'packetBytesOut') => (): Reading[] => [
    [{ transport: 'api_stream' }, fanout.stats[sse] - fanout.stats[packets]],
    [{ transport: 'stream' }, views.stats[sse] - views.stats[packets]],
    [{ transport: 'socketio' }, fanout.stats[packets] + views.stats[packets]],
  ];
  const OF_THE_LOG = 'api_stream: all that come out of the log over SSE, those of /stream too';
  counter('frames_out_total', `Frames written; ${OF_THE_LOG}`, ['transport'], outOf('framesOut', 'packetsOut'));
  counter('bytes_out_total', `Bytes written; ${OF_THE_LOG}`, ['transport'], outOf('bytesOut', 'packetBytesOut'));
  gauge('slowest_session_lag_entries', 'Entries that the session furthest behind has yet to be sent', [], () => [
    [{}, slowestLag(gateway)],
  ]);
  gauge('unsent_bytes', 'Bytes that sockets have been given and the network has not taken', [], () => [
    [{}, unsentBytes(gateway)],
  ]);
  counter('slow_writes_total', 'Writes that a socket did not take at once', [], () => [[{}, fanout.stats.slowWrites]]);
  counter('views_skipped_total', 'View frames that slow sessions were spared', [], () => [[{}, views.stats.skipped]]);
  counter('socketio_events_total', 'Events of Socket.IO clients, by what became of them', ['outcome'], () => {
    const { events, refused, unknown, tooLong } = socketIo.stats;
    return [
      [{ outcome: 'taken' }, events - refused - unknown],
      [{ outcome: 'rate_exceeded' }, refused],
      [{ outcome: 'unknown' }, unknown],
      [{ outcome: 'too_long' }, tooLong],
    ];
  });
  counter('refused_total', 'Sessions refused', [], () => [[{}, desk.refused]]);
  counter('errors_total', 'Errors that clients were answered, over whatever transport', ['code'], () =>
    [...answered].map(([code, count]) => [{ code }, count]),
  );
  counter('orders_total', 'Orders and cancels, by what became of them', ['command', 'outcome'], () =>
    [...intake.outcomes].map(([key, count]) => {
      const [command = '', outcome = ''] = key.split(' ');
      return [{ command, outcome }, count];
    }),
  );
  gauge('orders_pending', 'Orders and cancels under way', [], () => [[{}, intake.pending]]);
  counter('resumes_total', 'Sessions started, by where their cursor was found', ['rung'], () =>
    Object.entries(ladder.stats.outcomes).map(([rung, count]) => [{ rung }, count]),
  );
  gauge('replays', 'Sessions that are being played the past', [], () => [[{}, replays.running]]);
  counter('resets_total', 'Resets, by reason', ['reason'], () =>
    Object.entries(ladder.stats.resets).map(([reason, count]) => [{ reason }, count]),
  );
  counter('history_pages_total', 'Pages of entries older than the window sent', [], () => [[{}, ladder.stats.pages]]);
  counter('tail_entries_total', 'Entries read', [], () => [[{}, stats.entries]]);
  counter('tail_batches_total', 'Batches read', [], () => [[{}, stats.batches]]);
  counter('tail_restarts_total', 'Times the tail began anew', [], () => [[{}, stats.restarts]]);
  counter('book_mismatches_total', "Books that differed from the log's checksum", [], () => [[{}, stats.mismatches]]);
  gauge('tail_batch_entries', 'Entries of the last batch', [], () => [[{}, stats.lastBatchEntries]]);
  gauge('window_bytes', 'Memory of the window', [], () => [[{}, window.bytes]]);
  gauge('window_entries', 'Entries in the window', [], () => [[{}, window.end - window.first]]);
  gauge('stale', '1 while no clock events come', [], () => [[{}, watch.isStale ? 1 : 0]]);
  const latency = new LatencyHistogram(metrics);
  gateway.latency.observers = {
    ingest_to_socket: latency.stage('ingest_to_socket'),
    read_to_socket: latency.stage('read_to_socket'),
  };
  new Gauge({
    name: `${PREFIX}tail_lag_entries`,
    help: 'Entries that Redis has and this gateway has not; absent while Redis is away',
    registers: [metrics],
    async collect() {
      this.reset();
      const lag = await tailLag(gateway, source);
      if (lag !== undefined) this.set(lag);
    },
  });
}

/** Who looks for its place is as far behind as its cursor says; of another epoch, at least by the whole window. */
function slowestLag({ fanout, window }: Gateway): number {
  const { tail, first, end } = window;
  let lag = 0;
  for (const { state, position, cursor } of fanout.sessions) {
    if (state === 'head') continue;
    if (position !== NOWHERE) lag = Math.max(lag, end - position);
    else if (cursor) lag = Math.max(lag, tail?.epoch === cursor.epoch ? tail.offset - cursor.offset : end - first);
  }
  return lag;
}

/** Of each connection once, though it may have two sessions. */
function unsentBytes({ fanout, views }: Gateway): number {
  const sinks = new Set([...fanout.sessions, ...views.sessions].map(({ sink }) => sink));
  let bytes = 0;
  for (const { writableLength } of sinks) bytes += writableLength;
  return bytes;
}

async function tailLag(gateway: Gateway, source: LogSource): Promise<number | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, TIP_WAIT_MS, undefined);
  });
  const tip = await Promise.race([source.tip().catch(() => undefined), bound]);
  clearTimeout(timer);
  const { tail } = gateway.window;
  if (!tip) return undefined;
  return tail?.epoch === tip.epoch ? Math.max(0, tip.offset - tail.offset) : tip.offset + 1;
}

function countStates(transport: string, sessions: Iterable<{ readonly state: string }>): Reading[] {
  const counts = new Map<string, number>();
  for (const { state } of sessions) counts.set(state, (counts.get(state) ?? 0) + 1);
  return [...counts].map(([state, count]) => [{ transport, state }, count]);
}
