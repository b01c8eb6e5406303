import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Metrics } from '@depthcast/ops';
import type { Provider, Type } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { type JournalConfig, retentionOf } from '../config.ts';
import { InternalController } from '../internal/internal.controller.ts';
import type { JournalStore } from '../stores/journal-store.ts';
import { STORE } from '../stores/store-token.ts';
import { CONFIG, PARTITIONS } from '../tokens.ts';
import { BookController } from './book.controller.ts';
import { ErrorFilter } from './error-filter.ts';
import { ExportDesk } from './export-desk.ts';
import { HISTORY, historySource } from './history-source.ts';
import { KnownSymbols } from './known-symbols.ts';
import { PastBooks } from './past-books.ts';
import { RowsController, SCRATCH } from './rows.controller.ts';
import { LAG, RETENTION, type StoredLag, SummaryController } from './summary.controller.ts';

/** What answers history requests, within the journal's module. */
export const HISTORY_CONTROLLERS: readonly Type<unknown>[] = [
  SummaryController,
  RowsController,
  BookController,
  InternalController,
];

export const HISTORY_PROVIDERS: readonly Provider[] = [
  { provide: APP_FILTER, useClass: ErrorFilter },
  { provide: HISTORY, inject: [STORE], useFactory: (store: JournalStore) => historySource(store) },
  { provide: PARTITIONS, inject: [CONFIG], useFactory: ({ PARTITIONS: count }: JournalConfig) => count },
  { provide: SCRATCH, inject: [CONFIG], useFactory: scratchFolder },
  { provide: RETENTION, inject: [CONFIG], useFactory: retentionOf },
  { provide: LAG, inject: [Metrics], useFactory: lagOf },
  KnownSymbols,
  PastBooks,
  ExportDesk,
];

/** Beside the database's file, where there is room for it; else where the system has its own. */
function scratchFolder(config: JournalConfig): string {
  const { JOURNAL_DB_URL: url, JOURNAL_FILE: file, CACHE_DIR: folder, CACHE_PERSIST: isFile } = config;
  return url === undefined && isFile ? join(folder ?? dirname(file), 'scratch') : join(tmpdir(), 'depthcast-scratch');
}

/** The recorders' own gauge: whoever asks here is told what a dashboard shows. */
function lagOf(metrics: Metrics): StoredLag {
  return async () => {
    const values = (await metrics.getSingleMetric('depthcast_journal_lag_events')?.get())?.values;
    return values?.reduce((sum, { value }) => sum + value, 0);
  };
}
