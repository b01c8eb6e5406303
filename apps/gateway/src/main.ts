import { openLogger, runApp, runMain } from '@depthcast/ops';
import { readConfig, USAGE } from './config.ts';
import { GatewayModule } from './gateway.module.ts';
import { configureHttp, serverOptions } from './http.ts';
import { renewTls, type SecureServer } from './tls.ts';

await runMain('gateway', async () => {
  const config = readConfig(process.argv.slice(2), process.env);
  if (!config) {
    process.stdout.write(USAGE);
    return;
  }
  const logger = await openLogger('gateway', config, config.ADDR);
  const app = await runApp({
    name: 'gateway',
    module: GatewayModule.forRoot(config, logger),
    addr: config.ADDR,
    logger,
    http: serverOptions(config),
    configure: (it) => configureHttp(it, config),
  });
  if (config.TLS) renewTls(app.getHttpServer() as unknown as SecureServer, config.TLS, logger);
});
