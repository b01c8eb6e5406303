import type { AddressInfo } from 'node:net';
import { createLogger, OpsModule, startApp } from '@depthcast/ops';
import { Module } from '@nestjs/common';
import { readConfig } from '../config.ts';
import { HISTORY_CONTROLLERS, HISTORY_PROVIDERS } from '../history/history-parts.ts';
import { HISTORY, type HistorySource, historySource } from '../history/history-source.ts';
import { SCRATCH } from '../history/rows.controller.ts';
import type { JournalStore } from '../stores/journal-store.ts';
import { CONFIG } from '../tokens.ts';

@Module({})
class HistoryApp {}

/** The journal's HTTP part alone, on a free port, over any history. */
export async function startHistoryApp(history: HistorySource, scratch: string, partitions = 1) {
  const config = readConfig([], { PARTITIONS: String(partitions) });
  const isOwn = (provider: (typeof HISTORY_PROVIDERS)[number]) =>
    'provide' in provider && (provider.provide === HISTORY || provider.provide === SCRATCH);
  const app = await startApp({
    name: 'journal',
    addr: { host: '127.0.0.1', port: 0 },
    logger: createLogger('journal', 'silent'),
    module: {
      module: HistoryApp,
      imports: [OpsModule.forRoot({ name: 'journal' })],
      controllers: [...HISTORY_CONTROLLERS],
      providers: [
        ...HISTORY_PROVIDERS.filter((provider) => !isOwn(provider)),
        { provide: CONFIG, useValue: config },
        { provide: SCRATCH, useValue: scratch },
        { provide: HISTORY, useValue: historySource(history as JournalStore) },
      ],
    },
  });
  const { port } = app.getHttpServer().address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close: () => app.close() };
}
