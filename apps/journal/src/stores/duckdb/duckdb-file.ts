import { existsSync, mkdirSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { DepthcastError } from '@depthcast/protocol';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { SCHEMA_NAME, SCHEMA_VERSION } from '../schema.ts';
import { migrate, versionOf } from './migrations.ts';

export interface DuckDbOptions {
  /** Made when it is not there, with its folder. `:memory:` keeps everything in memory. */
  readonly file: string;
  /** What DuckDB may hold in memory: a file's pages and what it works on, 256 MiB by default; in memory all, 512 MiB. */
  readonly memoryBytesMax?: number;
  /** Threads of one query. Default 2. */
  readonly threadsMax?: number;
  /** What is stored since the last checkpoint, in bytes of its log: the next start reads them again. Default 128 MiB. */
  readonly checkpointBytes?: number;
}

export const IN_MEMORY = ':memory:';
const MIB = 1 << 20;
/**
 * DuckDB keeps the pages that it has written until it may hold no more, so the process grows up to this, slowly: some
 * 25 MiB a million events. With twice as much it stores no faster.
 */
const MEMORY_BYTES_MAX = 256 * MIB;
/** There it is the room for all that is stored. */
const MEMORY_BYTES_MAX_WITHOUT_FILE = 512 * MIB;
export const CHECKPOINT_BYTES = 128 * MIB;
/** What sorting and grouping may put beside the file when memory does not do. */
const TEMP_MIB_MAX = 4_096;
/** Compressed text as we use it (zstd) came with it. */
const STORAGE_VERSION = 'v1.5.0';

/** DuckDB's lock keeps other processes out, but not this one: two instances of one file would destroy it. */
const opened = new Set<string>();

/** One opened DuckDB file, its tables up to date. */
export class DuckDbFile {
  readonly instance: DuckDBInstance;
  readonly #path: string;

  private constructor(instance: DuckDBInstance, path: string) {
    this.instance = instance;
    this.#path = path;
  }

  /** @throws DepthcastError `JOURNAL_STORE_UNUSABLE`, the file untouched. */
  static async open(options: DuckDbOptions): Promise<DuckDbFile> {
    const path = options.file === IN_MEMORY ? IN_MEMORY : truePath(options.file);
    if (basename(path).split('.')[0] === SCHEMA_NAME) {
      throw unusable(path, `a file of the name ${SCHEMA_NAME} would be taken for the tables in it: name it otherwise`);
    }
    if (opened.has(path)) throw unusable(path, 'this process has it open already');
    try {
      if (path !== IN_MEMORY) {
        opened.add(path);
        await refuseNewer(path);
      }
      const instance = await DuckDBInstance.create(path, settings(path, options));
      const connection = await instance.connect();
      await migrate(connection);
      connection.closeSync();
      return new DuckDbFile(instance, path);
    } catch (error) {
      opened.delete(path);
      throw error instanceof DepthcastError ? error : unusable(path, reasonOf(error as Error), error as Error);
    }
  }

  connect(): Promise<DuckDBConnection> {
    return this.instance.connect();
  }

  /** After its connections. */
  close(): void {
    this.instance.closeSync();
    opened.delete(this.#path);
  }
}

/** Looked at read-only first: opened for writing, a file is written to as soon as its log of changes is read. */
async function refuseNewer(path: string): Promise<void> {
  if (!existsSync(path)) {
    mkdirSync(dirname(path), { recursive: true });
    return;
  }
  const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY', ...NO_DOWNLOADS });
  try {
    const connection = await instance.connect();
    const version = await versionOf(connection);
    connection.closeSync();
    if (version > SCHEMA_VERSION) {
      const reason = `it was written by a later Depthcast (tables of version ${version}, this one knows ${SCHEMA_VERSION})`;
      throw unusable(path, reason);
    }
  } finally {
    instance.closeSync();
  }
}

const NO_DOWNLOADS = { autoinstall_known_extensions: 'false', autoload_known_extensions: 'false' };

function settings(path: string, options: DuckDbOptions): Record<string, string> {
  const otherwise = path === IN_MEMORY ? MEMORY_BYTES_MAX_WITHOUT_FILE : MEMORY_BYTES_MAX;
  const { memoryBytesMax = otherwise, threadsMax = 2 } = options;
  return {
    ...NO_DOWNLOADS,
    memory_limit: `${Math.ceil(memoryBytesMax / MIB)}MiB`,
    threads: String(threadsMax),
    // Checkpoints are this program's to begin: DuckDB's own come within a commit, and not while anybody reads.
    checkpoint_threshold: '1TiB',
    // Beside the file, where there is room for it; in memory there is to be nothing on disk.
    temp_directory: path === IN_MEMORY ? '' : `${path}.tmp`,
    ...(path === IN_MEMORY
      ? {}
      : { max_temp_directory_size: `${TEMP_MIB_MAX}MiB`, storage_compatibility_version: STORAGE_VERSION }),
  };
}

/** Two names of one file are one file, also before it is made. */
function truePath(file: string): string {
  const path = resolve(file);
  if (existsSync(path)) return realpathSync(path);
  const folder = dirname(path);
  return existsSync(folder) ? join(realpathSync(folder), path.slice(folder.length + 1)) : path;
}

function reasonOf({ message }: Error): string {
  const holder = /Conflicting lock is held in (.*?)(?: by user .*?)?\. See/.exec(message)?.[1];
  return holder
    ? `another process holds it: ${holder}. Stop that one, or name another file`
    : (message.split('\n', 1)[0] ?? '');
}

function unusable(path: string, reason: string, cause?: Error): DepthcastError {
  return new DepthcastError('JOURNAL_STORE_UNUSABLE', `DuckDB file ${path}: ${reason}`, { cause });
}
