import { openLogger, runApp, runMain } from '@depthcast/ops';
import { readConfig, USAGE } from './config.ts';
import { requireToken } from './gatekeeper.ts';
import { JournalModule } from './journal.module.ts';

await runMain('journal', async () => {
  const config = readConfig(process.argv.slice(2), process.env);
  if (!config) {
    process.stdout.write(USAGE);
    return;
  }
  const logger = await openLogger('journal', config, config.JOURNAL_ADDR);
  await runApp({
    name: 'journal',
    module: JournalModule.forRoot(config, logger),
    addr: config.JOURNAL_ADDR,
    logger,
    configure: (app) => requireToken(app, config.JOURNAL_TOKEN),
  });
});
