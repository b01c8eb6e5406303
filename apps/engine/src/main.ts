import { openLogger, runApp, runMain } from '@depthcast/ops';
import { readConfig, USAGE } from './config.ts';
import { EngineModule } from './engine.module.ts';

await runMain('engine', async () => {
  const config = readConfig(process.argv.slice(2), process.env);
  if (!config) {
    process.stdout.write(USAGE);
    return;
  }
  const logger = await openLogger('engine', config, config.OPS_ADDR);
  await runApp({ name: 'engine', module: EngineModule.forRoot(config, logger), addr: config.OPS_ADDR, logger });
});
