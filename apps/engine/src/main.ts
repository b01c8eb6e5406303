import { createLogger, runApp, runMain } from '@depthcast/ops';
import { readConfig } from './config.ts';
import { EngineModule } from './engine.module.ts';

await runMain('engine', async () => {
  const config = readConfig(process.env);
  const logger = createLogger('engine', config.LOG_LEVEL);
  await runApp({ name: 'engine', module: EngineModule.forRoot(config, logger), addr: config.OPS_ADDR, logger });
});
