import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** The raw JSON of each line of a capture, gzip or plain, without its receive time. The file is held in memory. */
export function* readCapture(file: string): Generator<string> {
  const bytes = readFileSync(file);
  const text = String(bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes);
  for (const line of text.split('\n')) {
    const space = line.indexOf(' ');
    if (space > 0) yield line.slice(space + 1);
  }
}

/**
 * The path of one of the recorded Binance captures, which are too large for the repository: in `DEPTHCAST_DATA`, or in
 * `../shared/data/binance` beside the checkout. `undefined` when it is not there; tests then skip and say so.
 */
export function findCapture(name: string): string | undefined {
  const repository = join(import.meta.dirname, '../../../..');
  const folders = [process.env.DEPTHCAST_DATA, join(repository, '../shared/data/binance')];
  return folders.flatMap((folder) => (folder ? [join(folder, name)] : [])).find((path) => existsSync(path));
}
