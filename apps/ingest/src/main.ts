import { openLogger, runApp, runMain } from '@depthcast/ops';
import { readConfig, USAGE } from './config.ts';
import { ingestModule } from './ingest.module.ts';

await runMain('ingest', async () => {
  const config = readConfig(process.argv.slice(2), process.env);
  if (!config) {
    process.stdout.write(USAGE);
    return;
  }
  const logger = await openLogger('ingest', config, config.OPS_ADDR);
  for (const warning of config.warnings) logger.warn(warning);
  await runApp({ name: 'ingest', module: ingestModule(config, logger), addr: config.OPS_ADDR, logger });
});
