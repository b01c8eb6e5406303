import type { Liveness, Readiness } from '@depthcast/ops';
import type { Logger } from 'pino';
import type { GatewayConfig } from '../config.ts';
import { formatId } from '../fanout/format.ts';
import { Rates } from '../fanout/rates.ts';
import { Gateway } from '../gateway.ts';
import { HttpJournalSource } from '../resume/journal-source.ts';
import { Pacer } from '../resume/pacer.ts';
import type { LogSource } from '../tail/log-source.ts';
import { TailHealth } from '../tail/tail-health.ts';
import { FollowAll, FollowOnDemand } from './following.ts';
import { Partitions } from './partitions.ts';

export const CAUGHT_UP = 'caught_up';
const TAIL = 'tail';
/** What who comes to a gateway without clients may be behind by, for a moment. */
const IDLE_MS = 50;
/**
 * Of those who come back from what Redis holds. A few of them have time; a crowd that a restart has sent here all at
 * once is to be through within a minute.
 */
const REDIS_PACE = { share: 0.7, bytesPerSecondEach: 512 << 10, turnMs: 1 };

interface Wiring {
  readonly config: GatewayConfig;
  readonly logger: Logger;
  readonly readiness: Readiness;
  readonly liveness: Liveness;
}

/** What the gateways have in common. */
interface Shared extends Wiring {
  readonly redisPacer: Pacer;
  readonly of: () => Partitions;
  readonly onStarted: () => void;
}

/** A gateway for each partition's log, and all of them together. */
export function makePartitions(sources: readonly LogSource[], wiring: Wiring): Partitions {
  const { config, logger, readiness } = wiring;
  // Readiness is not taken back when a tail begins anew: any answer but 200 would end browsers' streams for good.
  const onStarted = () => {
    if (partitions.hasStarted) readiness.set(CAUGHT_UP, true);
  };
  const of = () => partitions;
  const redisPacer = new Pacer({ ...REDIS_PACE, bytesPerSecondMax: config.RESUME_BYTES_PER_SECOND_MAX });
  const gateways = sources.map((source, i) => makeGateway(source, i, { ...wiring, of, onStarted, redisPacer }));
  const following = config.TAIL === 'lazy' ? new FollowOnDemand(gateways, onStarted) : new FollowAll(gateways);
  const partitions: Partitions = new Partitions(gateways, following, makeRates(config, logger));
  return partitions;
}

function makeRates({ MAX_RATE: perSecondMax }: GatewayConfig, logger: Logger): Rates {
  return new Rates({
    perSecondMax,
    onHeld: (held) => logger.info(held, 'a connection has more to be sent than its rate allows'),
  });
}

function makeGateway(
  source: LogSource,
  partition: number,
  { config, logger: parent, liveness, redisPacer, of, onStarted }: Shared,
): Gateway {
  const isOne = config.PARTITIONS === 1;
  const logger = isOne ? parent : parent.child({ partition });
  const part = isOne ? TAIL : `${TAIL} ${partition}`;
  const health = new TailHealth((ok) => liveness.set(part, ok, ok ? undefined : 'the log moves, but nothing arrives'));
  const { JOURNAL_HTTP_URL: journalUrl, JOURNAL_TOKEN: journalToken } = config;
  return new Gateway({
    source,
    flushMs: config.FLUSH_MS,
    idleMs: IDLE_MS,
    clockStaleMs: config.CLOCK_STALE_MS,
    window: { bytesMax: config.WINDOW_BYTES },
    sessionBufferBytesMax: config.SESSION_BUFFER_BYTES_MAX,
    sessionLagMax: config.SESSION_LAG_MAX,
    journal: journalUrl === undefined ? undefined : new HttpJournalSource(journalUrl, journalToken, { partition }),
    resumeBytesPerSecondMax: config.RESUME_BYTES_PER_SECOND_MAX,
    redisPacer,
    hasSymbols: () => of().symbols.length > 0,
    ...(isOne ? {} : { idOf: (cursor) => formatId(cursor, 0, 'cursor', of().stamp(partition)) }),
    onWarn: (message, error) => logger.warn(error ? { err: error } : {}, message),
    onStarted,
    onState: (state) => {
      logger.info({ state }, 'tail');
      health.onState(state);
    },
  });
}
