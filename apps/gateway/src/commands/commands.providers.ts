import { InboxProducer, partitionKeys, type RedisClient } from '@depthcast/log';
import type { Provider } from '@nestjs/common';
import type { Logger } from 'pino';
import type { GatewayConfig } from '../config.ts';
import { Partitions } from '../partitions/partitions.ts';
import type { LogSource } from '../tail/log-source.ts';
import { AccountDesk } from './account-desk.ts';
import { AccountDesks } from './account-desks.ts';
import { OrderDesk } from './order-desk.ts';
import { OrderIntake } from './order-intake.ts';

/** The ways into the inboxes, one a partition. */
export const INBOXES = Symbol('inboxes');

/** What Nest makes orders and accounts of. */
export function commandProviders(
  config: GatewayConfig,
  logger: Logger,
  tokens: { readonly redis: symbol; readonly sources: symbol },
): Provider[] {
  return [
    {
      provide: INBOXES,
      inject: [tokens.redis],
      useFactory: (client: RedisClient) =>
        Array.from({ length: config.PARTITIONS }, (_, partition) => makeInbox(client, partition, config, logger)),
    },
    {
      provide: OrderDesk,
      inject: [Partitions, INBOXES],
      useFactory: (partitions: Partitions, inboxes: readonly InboxProducer[]) => {
        const intakes = inboxes.map((inbox, partition) => makeIntake(partitions, partition, inbox, config));
        return new OrderDesk(intakes, partitions);
      },
    },
    {
      provide: AccountDesks,
      inject: [Partitions, tokens.sources],
      useFactory: (partitions: Partitions, sources: readonly LogSource[]) => {
        const desks = partitions.all.map(
          (gateway, partition) =>
            new AccountDesk({
              accounts: gateway.accounts,
              state: symbolsOf(partitions, partition),
              stored: () => (sources[partition] as LogSource).accounts(),
              isCaughtUp: () => gateway.isCaughtUp,
            }),
        );
        return new AccountDesks(desks, partitions);
      },
    },
  ];
}

function makeInbox(client: RedisClient, partition: number, config: GatewayConfig, logger: Logger): InboxProducer {
  return new InboxProducer({
    client,
    keys: partitionKeys(partition),
    queueInputsMax: config.ORDERS_PENDING_MAX,
    onError: (error) => logger.warn({ err: error }, 'an order could not be sent: trying again'),
  });
}

function makeIntake(partitions: Partitions, partition: number, inbox: InboxProducer, config: GatewayConfig) {
  const gateway = partitions.all[partition] as Partitions['all'][number];
  const { accounts, acks, clock, watch } = gateway;
  return new OrderIntake({
    inbox,
    sendMs: config.ORDER_SEND_MS,
    accounts,
    acks,
    state: symbolsOf(partitions, partition),
    isStarted: () => gateway.hasStarted,
    isStale: () => watch.isStale,
    eventUs: () => clock.nowUs,
    nowMs: Date.now,
    pendingMax: config.ORDERS_PENDING_MAX,
  });
}

/** What a partition knows of its symbols; who names an unknown one is told all that there are. */
function symbolsOf(partitions: Partitions, partition: number) {
  const { state } = partitions.all[partition] as Partitions['all'][number];
  return {
    get symbols() {
      return partitions.symbols;
    },
    hasSymbol: (symbol: string) => state.hasSymbol(symbol),
    book: (symbol: string) => state.book(symbol),
  };
}
