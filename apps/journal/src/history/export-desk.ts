import type { Pages } from './answers.ts';
import { AtOnce } from './at-once.ts';

/** How far one file is that is being made. */
export interface ExportProgress {
  /** What its client named it, in X-Request-Id. */
  readonly id: string;
  readonly data: string;
  readonly format: string;
  readonly rows: number;
  /** Time of the newest row in it, ms; null before the first. */
  readonly time: number | null;
}

const EXPORTS_MAX = 2;
/** It takes one of the threads that commits need, too. */
const PARQUET_MAX = 1;
const ID_CHARS_MAX = 64;

/** The files that are being made: so many at once, and each can be asked how far it is. */
export class ExportDesk {
  readonly #slots = new AtOnce('exports', EXPORTS_MAX);
  readonly #parquet = new AtOnce('Parquet files', PARQUET_MAX);
  readonly #running = new Set<ExportProgress>();

  get running(): ExportProgress[] {
    return [...this.#running];
  }

  /**
   * The same rows, counted for whoever asks.
   *
   * @returns them, and what ends it.
   * @throws DepthcastError `OVERLOADED`
   */
  begin(id: string, data: string, format: string, rows: Pages): { readonly rows: Pages; readonly end: () => void } {
    const givePlace = this.#slots.take();
    let giveParquet: (() => void) | undefined;
    try {
      giveParquet = format === 'parquet' ? this.#parquet.take() : undefined;
    } catch (error) {
      givePlace();
      throw error;
    }
    const progress = { id: id.slice(0, ID_CHARS_MAX), data, format, rows: 0, time: null as number | null };
    this.#running.add(progress);
    const end = () => {
      givePlace();
      giveParquet?.();
      this.#running.delete(progress);
    };
    return { rows: counted(rows, progress), end };
  }
}

async function* counted(rows: Pages, progress: { rows: number; time: number | null }): Pages {
  for await (const page of rows) {
    progress.rows += page.length;
    const last = page.at(-1);
    if (last) progress.time = Math.floor(last.tsUs / 1_000);
    yield page;
  }
}
