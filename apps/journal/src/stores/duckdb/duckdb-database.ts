import { statSync } from 'node:fs';
import { Slots } from '../slots.ts';
import { raw, type SqlSession, sql } from '../sql.ts';
import type { SqlDatabase, WriteSession } from '../sql-database.ts';
import { CHECKPOINT_BYTES, DuckDbFile, type DuckDbOptions, IN_MEMORY } from './duckdb-file.ts';
import { DuckDbSession } from './duckdb-session.ts';
import { ReadersGate } from './readers-gate.ts';

/** Node runs four blocking calls at a time: two readers and a Parquet file leave one for a commit. */
const READERS = 2;
const WAITING_MAX = 1_000;
const READ_MS_MAX = 60_000;
/** How long commits may have to wait for readers before a checkpoint is put off. */
const CHECKPOINT_WAIT_MS_MAX = 500;
/** But not beyond so many times the size at which one is due. */
const LOG_GROWTH_MAX = 4;

interface Opened {
  readonly file: DuckDbFile;
  readonly writer: DuckDbSession;
  readonly readers: readonly DuckDbSession[];
}

/** A DuckDB file, or memory: one connection that writes, some that read beside it. */
export class DuckDbDatabase implements SqlDatabase {
  readonly description;
  readonly forUpdate = raw('');
  readonly dropRowsMax = 131_072;
  readonly dropsDays = false;
  readonly #options: DuckDbOptions;
  readonly #readers = new Slots(
    Array.from({ length: READERS }, (_, i) => i),
    WAITING_MAX,
  );
  #opened: Opened | undefined;
  /** Why it must be opened again: DuckDB gives up an instance as a whole after a write to disk has failed. */
  #broken = false;
  #writing: Promise<unknown> = Promise.resolve();
  readonly #gate = new ReadersGate();
  #retaining = false;

  constructor(options: DuckDbOptions) {
    this.#options = options;
    this.description = { kind: 'duckdb', location: options.file } as const;
  }

  async open(): Promise<void> {
    const file = await DuckDbFile.open(this.#options);
    const writer = new DuckDbSession(await file.connect());
    const readers: DuckDbSession[] = [];
    for (let i = 0; i < READERS; i++) readers.push(new DuckDbSession(await file.connect()));
    this.#opened = { file, writer, readers };
    this.#broken = false;
  }

  async close(): Promise<void> {
    await this.#exclusive(async () => {
      // What is not in the file yet stands in its log of changes: without a checkpoint it is read at the next start.
      if (this.#opened && !this.#broken) await this.#checkpoint(READ_MS_MAX).catch(() => {});
      await this.#shut();
    });
  }

  async read<T>(work: (session: SqlSession) => Promise<T>): Promise<T> {
    return this.#readers.use(async (slot) => {
      if (this.#broken) await this.#exclusive(() => this.#mend());
      return this.#gate.read(async () => {
        const session = this.#sessions().readers[slot] as DuckDbSession;
        const timer = setTimeout(() => session.connection.interrupt(), READ_MS_MAX);
        try {
          return await work(session);
        } catch (error) {
          throw this.#noted(error);
        } finally {
          clearTimeout(timer);
        }
      });
    });
  }

  async write<T>(work: (session: WriteSession) => Promise<T>): Promise<T> {
    const result = await this.#exclusive(async () => {
      await this.#mend();
      const { writer } = this.#sessions();
      try {
        await writer.connection.run('BEGIN');
        const result = await work(writer);
        await writer.connection.run('COMMIT');
        return result;
      } catch (error) {
        await writer.connection.run('ROLLBACK').catch(() => {});
        throw this.#noted(error);
      }
    });
    // Behind what has been answered: a checkpoint that fails, on a full disk, takes no commit back.
    void this.#exclusive(() => this.#checkpointIfDue()).catch(() => {});
    return result;
  }

  async prepareDays(): Promise<void> {}

  async dropDay(): Promise<void> {}

  async alone<T>(work: () => Promise<T>): Promise<T | undefined> {
    if (this.#retaining) return undefined;
    this.#retaining = true;
    try {
      return await work();
    } finally {
      this.#retaining = false;
    }
  }

  async bytes(): Promise<number> {
    if (this.#options.file === IN_MEMORY) {
      return this.#number(`SELECT CAST(sum(memory_usage_bytes) AS BIGINT) FROM duckdb_memory()`);
    }
    const used = await this.#number('SELECT used_blocks * block_size FROM pragma_database_size()');
    return used + this.#logBytes();
  }

  keptBytes(bytes: number): number {
    return bytes;
  }

  compact(): Promise<boolean> {
    return this.#exclusive(async () => {
      await this.#mend();
      return this.#checkpoint(CHECKPOINT_WAIT_MS_MAX);
    });
  }

  /** What the file's log of changes has grown to. */
  #logBytes(): number {
    return statSync(`${this.#options.file}.wal`, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** Put off for a moment while somebody reads long; then commits have to wait for the reader. */
  async #checkpointIfDue(): Promise<void> {
    const { checkpointBytes = CHECKPOINT_BYTES } = this.#options;
    const bytes = this.#options.file === IN_MEMORY ? 0 : this.#logBytes();
    if (bytes < checkpointBytes || this.#broken || !this.#opened) return;
    await this.#checkpoint(bytes < LOG_GROWTH_MAX * checkpointBytes ? CHECKPOINT_WAIT_MS_MAX : READ_MS_MAX);
  }

  /** DuckDB refuses one while anybody reads, and by itself does none then: under steady reading its log would grow. */
  async #checkpoint(waitMsMax: number): Promise<boolean> {
    const { writer } = this.#sessions();
    try {
      return await this.#gate.without(async () => void (await writer.connection.run('CHECKPOINT')), waitMsMax);
    } catch (error) {
      throw this.#noted(error);
    }
  }

  async #number(text: string): Promise<number> {
    const [row] = await this.read((session) => session.query(sql`${raw(text)}`));
    return (row?.[0] as number | null) ?? 0;
  }

  #sessions(): Opened {
    if (!this.#opened) throw new Error(`the DuckDB file ${this.#options.file} is not open`);
    return this.#opened;
  }

  /** One after another, whatever became of the one before. */
  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#writing.then(work);
    this.#writing = turn.catch(() => {});
    return turn;
  }

  #noted(error: unknown): unknown {
    if (/FATAL|has been invalidated/.test((error as Error).message)) this.#broken = true;
    return error;
  }

  async #mend(): Promise<void> {
    if (!this.#broken) return;
    await this.#shut();
    try {
      await this.open();
    } catch (error) {
      // It was fit for use before: what is wrong now, a full disk above all, may pass.
      throw new Error(`${this.#options.file} cannot be opened again: ${(error as Error).message}`, { cause: error });
    }
  }

  /** The file's lock is let go of only when nothing uses the instance any more. */
  async #shut(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    if (!opened) return;
    const close = async () => {
      for (const session of [opened.writer, ...opened.readers]) session.connection.closeSync();
      opened.file.close();
    };
    await this.#gate.without(close, Number.POSITIVE_INFINITY);
  }
}
