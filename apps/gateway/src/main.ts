import { createLogger, runApp, runMain } from '@depthcast/ops';
import { readConfig, USAGE } from './config.ts';
import { GatewayModule } from './gateway.module.ts';
import { configureHttp, SERVER_OPTIONS } from './http.ts';

await runMain('gateway', async () => {
  const config = readConfig(process.argv.slice(2), process.env);
  if (!config) {
    process.stdout.write(USAGE);
    return;
  }
  const logger = createLogger('gateway', config.LOG_LEVEL);
  await runApp({
    name: 'gateway',
    module: GatewayModule.forRoot(config, logger),
    addr: config.ADDR,
    logger,
    http: SERVER_OPTIONS,
    configure: (app) => configureHttp(app, config),
  });
});
