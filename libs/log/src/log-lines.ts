import type { Cursor } from '@depthcast/protocol';
import { EntryDecoder, type LogEntry, type RawEntry } from './entries.ts';

const LF = 10;
const SPACE = 32;

/** The content type of entries as lines. */
export const LOG_LINES_TYPE = 'application/x-depthcast-log';

/** One entry as the journal hands it to a gateway: `<epoch>-<offset> <topic> <payload>\n`, payload as it is in the log. */
export function logLine(epoch: number, offset: number, topic: string, payload: string): string {
  return `${epoch}-${offset} ${topic} ${payload}\n`;
}

/**
 * The entries of whole lines; every one must follow the one before. Payloads are views of `bytes`.
 *
 * @throws LogGapError at the first entry that does not follow; `after` undefined takes the first as it comes.
 * @throws Error for a line that is none.
 */
export function readLogLines(bytes: Buffer, after: Cursor | undefined, decoder = new EntryDecoder()): LogEntry[] {
  const raw: RawEntry[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(LF, at);
    const idEnd = bytes.indexOf(SPACE, at);
    const topicEnd = idEnd < 0 ? -1 : bytes.indexOf(SPACE, idEnd + 1);
    if (end < 0 || topicEnd < 0 || topicEnd > end) {
      throw new Error(`not a line of the log: ${JSON.stringify(bytes.toString('utf8', at, at + 80))}`);
    }
    raw.push([bytes.subarray(at, idEnd), [bytes.subarray(idEnd + 1, topicEnd), bytes.subarray(topicEnd + 1, end)]]);
    at = end + 1;
  }
  return decoder.decode(raw, after);
}
