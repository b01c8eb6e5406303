import { OpsModule } from '@depthcast/ops';
import { type DynamicModule, Module } from '@nestjs/common';
import type { IngestConfig } from './config.ts';
import { CONFIG, IngestService, LOGGER, READY_WHEN_REDIS } from './ingest.service.ts';
import type { Logger } from './operator-report.ts';

@Module({})
class IngestModule {}

/** The app's root: it only wires. */
export function ingestModule(config: IngestConfig, logger: Logger): DynamicModule {
  return {
    module: IngestModule,
    imports: [OpsModule.forRoot({ name: 'ingest', readyWhen: [READY_WHEN_REDIS] })],
    providers: [{ provide: CONFIG, useValue: config }, { provide: LOGGER, useValue: logger }, IngestService],
  };
}
