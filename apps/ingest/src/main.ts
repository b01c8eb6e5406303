import { createLogger, runApp, runMain } from '@depthcast/ops';
import { loadIngestConfig } from './config.ts';
import { ingestModule } from './ingest.module.ts';

await runMain('ingest', async () => {
  const config = loadIngestConfig(process.env);
  const logger = createLogger('ingest', config.LOG_LEVEL);
  await runApp({ name: 'ingest', module: ingestModule(config, logger), addr: config.OPS_ADDR, logger });
});
