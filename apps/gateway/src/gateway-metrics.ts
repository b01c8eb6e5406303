import type { Metrics } from '@depthcast/ops';
import { Counter, Gauge } from 'prom-client';
import type { OrderIntake } from './commands/order-intake.ts';
import type { Gateway } from './gateway.ts';
import type { LogSource } from './tail/log-source.ts';
import type { SessionDesk } from './transports/session-desk.ts';

const PREFIX = 'depthcast_gateway_';
/** Redis may be away; metrics must not be. */
const TIP_WAIT_MS = 500;

type Labels = Record<string, string>;
type Reading = readonly [labels: Labels, value: number];

export interface Measured {
  readonly gateway: Gateway;
  readonly desk: SessionDesk;
  readonly intake: OrderIntake;
  readonly source: LogSource;
}

/**
 * Publishes what the core counts for itself. The hot path adds to plain numbers; they are read when somebody asks.
 */
export function registerGatewayMetrics(metrics: Metrics, { gateway, desk, intake, source }: Measured): void {
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
    ...countStates('stream', views.sessions),
  ]);
  gauge('groups', 'Groups of sessions that share their frames', [], () => [[{}, fanout.groups.size]]);
  counter(
    'frames_out_total',
    'Frames written; api_stream: all that come out of the log, those of /stream too',
    ['transport'],
    () => [
      [{ transport: 'api_stream' }, fanout.stats.framesOut],
      [{ transport: 'stream' }, views.stats.framesOut],
    ],
  );
  counter(
    'bytes_out_total',
    'Bytes written; api_stream: all that come out of the log, those of /stream too',
    ['transport'],
    () => [
      [{ transport: 'api_stream' }, fanout.stats.bytesOut],
      [{ transport: 'stream' }, views.stats.bytesOut],
    ],
  );
  counter('slow_writes_total', 'Writes that a socket did not take at once', [], () => [[{}, fanout.stats.slowWrites]]);
  counter('views_skipped_total', 'View frames that slow sessions were spared', [], () => [[{}, views.stats.skipped]]);
  counter('refused_total', 'Sessions refused', [], () => [[{}, desk.refused]]);
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
  counter('resets_total', 'Resets, by reason', ['reason'], () =>
    Object.entries(ladder.stats.resets).map(([reason, count]) => [{ reason }, count]),
  );
  counter('history_pages_total', 'Pages of older entries sent', [], () => [[{}, ladder.stats.pages]]);
  counter('tail_entries_total', 'Entries read', [], () => [[{}, stats.entries]]);
  counter('tail_batches_total', 'Batches read', [], () => [[{}, stats.batches]]);
  counter('tail_restarts_total', 'Times the tail began anew', [], () => [[{}, stats.restarts]]);
  counter('book_mismatches_total', "Books that differed from the log's checksum", [], () => [[{}, stats.mismatches]]);
  gauge('tail_batch_entries', 'Entries of the last batch', [], () => [[{}, stats.lastBatchEntries]]);
  gauge('window_bytes', 'Memory of the window', [], () => [[{}, window.bytes]]);
  gauge('window_entries', 'Entries in the window', [], () => [[{}, window.end - window.first]]);
  gauge('stale', '1 while no clock events come', [], () => [[{}, watch.isStale ? 1 : 0]]);
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
