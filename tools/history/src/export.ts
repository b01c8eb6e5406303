import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { ExportArguments } from './arguments.ts';
import { CallError, call, textOf } from './call.ts';
import { counted, type Progress } from './progress.ts';

const ASK_MS = 500;

interface Running {
  readonly exports: readonly { readonly id: string; readonly rows: number; readonly time: number | null }[];
}

/**
 * Writes beside the file and renames at the end: there is a whole file, or none.
 *
 * @param folder what a relative path is relative to.
 * @returns the exit code.
 */
export async function exportHistory(
  { journal, out, query }: ExportArguments,
  folder: string,
  progress: Progress,
  say: (text: string) => void,
  signal: AbortSignal,
): Promise<number> {
  const id = randomUUID();
  const url = `${journal}/api/history/export?${new URLSearchParams(query)}`;
  const watch = new Watch(journal, id, query, progress);
  watch.start();
  const file = isAbsolute(out) ? out : join(folder, out);
  const part = `${file}.part`;
  try {
    const response = await call('journal', url, { headers: { 'X-Request-Id': id }, signal });
    if (out === '-') {
      await pipeline(response, process.stdout, { end: false });
      return 0;
    }
    await pipeline(response, createWriteStream(part));
    await rename(part, file);
  } catch (error) {
    if (out !== '-') await rm(part, { force: true });
    if (error instanceof CallError || signal.aborted) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new CallError(code === 'ECONNRESET' ? 'the journal broke the export off' : message);
  } finally {
    watch.stop();
    progress.clear();
  }
  const { size } = await stat(file);
  say(`${file}: ${counted(size)} bytes in ${progress.seconds.toFixed(1)} s`);
  return 0;
}

/** Asks the journal now and then how far it is, while it makes the file. */
class Watch {
  readonly #journal: string;
  readonly #id: string;
  readonly #progress: Progress;
  readonly #done = new AbortController();
  #fromMs: number | undefined;
  #toMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(journal: string, id: string, query: Readonly<Record<string, string>>, progress: Progress) {
    this.#journal = journal;
    this.#id = id;
    this.#progress = progress;
    this.#fromMs = msOf(query.start_time);
    this.#toMs = msOf(query.end_time);
  }

  start(): void {
    this.#again();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#done.abort();
  }

  #again(): void {
    this.#timer = setTimeout(() => {
      // How far it is, is not worth failing for.
      this.#ask()
        .catch(() => {})
        .finally(() => {
          if (!this.#done.signal.aborted) this.#again();
        });
    }, ASK_MS);
  }

  async #ask(): Promise<void> {
    const { exports } = (await this.#get('/internal/exports')) as Running;
    const own = exports.find(({ id }) => id === this.#id);
    if (!own) return;
    const endMs = await this.#endMs();
    this.#fromMs ??= own.time ?? undefined;
    const isKnown = this.#fromMs !== undefined && endMs !== undefined && own.time !== null && endMs > this.#fromMs;
    const share = isKnown
      ? ((own.time as number) - (this.#fromMs as number)) / (endMs - (this.#fromMs as number))
      : undefined;
    const at = own.time === null ? '' : `, at ${new Date(own.time).toISOString()}`;
    this.#progress.show(share, `${counted(own.rows)} rows${at}`);
  }

  /** Where the range ends, or what is stored. */
  async #endMs(): Promise<number | undefined> {
    if (this.#toMs !== undefined) return this.#toMs;
    const { partitions } = (await this.#get('/api/history/stats')) as { partitions: { time: number | null }[] };
    const times = partitions.flatMap(({ time }) => time ?? []);
    this.#toMs = times.length > 0 ? Math.max(...times) : undefined;
    return this.#toMs;
  }

  async #get(path: string): Promise<unknown> {
    const response = await call('journal', `${this.#journal}${path}`, { signal: this.#done.signal });
    return JSON.parse(await textOf(response));
  }
}

function msOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const ms = /^\d+$/.test(text) ? Number(text) : Date.parse(text);
  return Number.isFinite(ms) ? ms : undefined;
}
