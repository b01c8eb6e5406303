import { createLogger, runApp, runMain } from '@depthcast/ops';
import { readConfig, USAGE } from './config.ts';
import { ingestModule } from './ingest.module.ts';

await runMain('ingest', async () => {
  const config = readConfig(process.argv.slice(2), process.env);
  if (!config) {
    process.stdout.write(USAGE);
    return;
  }
  const logger = createLogger('ingest', config.LOG_LEVEL);
  await runApp({ name: 'ingest', module: ingestModule(config, logger), addr: config.OPS_ADDR, logger });
});
