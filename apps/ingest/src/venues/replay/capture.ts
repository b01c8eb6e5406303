import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';

const GZIP_MAGIC = [0x1f, 0x8b];
/** A snapshot of 5,000 levels a side is some 300 KB. */
const LINE_CHARS_MAX = 16 * 1024 * 1024;
const LINE = /^(\d{16,19}) (\{.*\})\s*$/;

/** One line of a capture: `<receive time in ns> <raw JSON>`. */
export interface CaptureLine {
  readonly tsRecvUs: number;
  readonly text: string;
}

/** `undefined` when it is not of that form. */
export function parseCaptureLine(line: string): CaptureLine | undefined {
  const match = LINE.exec(line);
  // Nanoseconds do not fit a double: cut, do not divide.
  return match ? { tsRecvUs: Number((match[1] as string).slice(0, -3)), text: match[2] as string } : undefined;
}

/**
 * The lines of a file, plain or gzip (by its content, not its name), a batch a chunk read; empty lines are left out.
 * Holds one chunk and one line. Nothing is read while the consumer is busy.
 *
 * @throws whatever reading gives: ENOENT, EISDIR, a truncated archive.
 */
export async function* captureLines(file: string): AsyncGenerator<string[]> {
  const zipped = await isGzip(file);
  const source = createReadStream(file);
  const chunks: Readable = zipped ? source.pipe(createGunzip()) : source;
  // pipe() does not carry errors along.
  source.on('error', (error) => chunks.destroy(error));
  chunks.setEncoding('utf8');
  let rest = '';
  try {
    for await (const chunk of chunks) {
      const lines = (rest + (chunk as string)).split('\n');
      rest = lines.pop() as string;
      // A line without an end is no capture line; its pieces are counted as malformed like any other.
      if (rest.length > LINE_CHARS_MAX) {
        lines.push(rest);
        rest = '';
      }
      yield lines.filter((line) => line !== '');
    }
    if (rest !== '') yield [rest];
  } finally {
    source.destroy();
    chunks.destroy();
  }
}

async function isGzip(file: string): Promise<boolean> {
  const handle = await open(file);
  try {
    const { buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return buffer[0] === GZIP_MAGIC[0] && buffer[1] === GZIP_MAGIC[1];
  } finally {
    await handle.close();
  }
}
