import { DepthcastError } from '@depthcast/protocol';
import type { pino } from 'pino';
import roll from 'pino-roll';

/** A file that has grown beyond it is followed by another, as at midnight. */
const FILE_SIZE_MAX = '64m';
/** The newest of an app: a thousand million bytes at most, and two weeks where little is written. */
const FILES_MAX = 14;
/** What is kept of a disk that takes nothing; beyond it lines are dropped. */
const UNWRITTEN_CHARS_MAX = 1 << 20;

/**
 * Lines into `<folder>/<name>.<date>.<number>.log`, a new one each day and every 64 MiB; of older ones all but the
 * newest go. Written by the calling thread, as to stdout: the last line before an exit is never lost.
 *
 * @param onFailed a disk that is full must not end an app: lines are dropped then, and this is told, each time.
 * @throws DepthcastError `CONFIG_INVALID` when the folder cannot be written.
 */
export async function openLogFile(
  folder: string,
  name: string,
  onFailed: (error: Error) => void,
  sizeMax = FILE_SIZE_MAX,
): Promise<pino.DestinationStream> {
  try {
    const stream = await roll({
      file: `${folder}/${name}.log`,
      size: sizeMax,
      frequency: 'daily',
      dateFormat: 'yyyy-MM-dd',
      mkdir: true,
      limit: { count: FILES_MAX, removeOtherLogFiles: true },
      sync: true,
      maxLength: UNWRITTEN_CHARS_MAX,
    });
    stream.on('error', onFailed);
    return stream;
  } catch (error) {
    const takes = 'takes a folder that this user may write to';
    throw new DepthcastError('CONFIG_INVALID', `LOG_DIR: got ${folder} (${(error as Error).message}), ${takes}`, {
      cause: error,
    });
  }
}
