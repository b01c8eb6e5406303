import { connectRedis, type RedisClient } from '@depthcast/log';
import { nowAndThen, OpsModule } from '@depthcast/ops';
import { type DynamicModule, Module } from '@nestjs/common';
import type { Logger } from 'pino';
import type { JournalConfig } from './config.ts';
import { HISTORY_CONTROLLERS, HISTORY_PROVIDERS } from './history/history-parts.ts';
import { RecorderService } from './recorder/recorder.service.ts';
import { createStore } from './stores/open-store.ts';
import { STORE } from './stores/store-token.ts';
import { CONFIG, LOGGER, READY_WHEN_STORED, REDIS } from './tokens.ts';

const CONNECTION_LOG_MS = 5_000;

/** Wires the recorder and the history to Redis, the database, Nest and the process. */
@Module({})
// biome-ignore lint/complexity/noStaticOnlyClass: Nest modules are classes.
export class JournalModule {
  static forRoot(config: JournalConfig, logger: Logger): DynamicModule {
    return {
      module: JournalModule,
      imports: [OpsModule.forRoot({ name: 'journal', readyWhen: [READY_WHEN_STORED] })],
      controllers: [...HISTORY_CONTROLLERS],
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: LOGGER, useValue: logger },
        { provide: REDIS, useFactory: () => connect(config, logger) },
        // Opened by the recorder, which waits for a database that is away; until then its calls reject.
        { provide: STORE, useFactory: () => createStore(config) },
        RecorderService,
        ...HISTORY_PROVIDERS,
      ],
    };
  }
}

function connect(config: JournalConfig, logger: Logger): RedisClient {
  return connectRedis(config.REDIS_URL, {
    name: 'depthcast-journal',
    onError: nowAndThen(CONNECTION_LOG_MS, (error: Error) =>
      logger.warn({ err: error.message }, 'redis is away: trying again'),
    ),
  });
}
