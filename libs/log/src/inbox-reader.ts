import { DepthcastError } from '@depthcast/protocol';
import { duplicateClient, isReplyError, type RedisClient, retryReads } from './connect.ts';
import type { PartitionKeys } from './keys.ts';

export interface InboxEntry {
  readonly id: string;
  readonly topic: string;
  readonly payload: string;
}

const BLOCK_MS = 1_000;
export const INBOX_START = '0-0';

/**
 * Reads the inbox from a known id, over a connection of its own. After each read it makes sure that the entry at
 * the cursor still stands: if it was trimmed, inputs after it may have gone too, and only a snapshot helps.
 */
export class InboxReader {
  readonly #client: RedisClient;
  readonly #keys: PartitionKeys;
  #closed = false;

  constructor(client: RedisClient, keys: PartitionKeys) {
    this.#client = duplicateClient(client);
    this.#keys = keys;
  }

  /**
   * The entries after `after`, at most `countMax`; empty after `blockMs` without any.
   *
   * @throws DepthcastError `INBOX_TRIMMED`.
   */
  async read(after: string, countMax: number, signal: AbortSignal, blockMs = BLOCK_MS): Promise<InboxEntry[]> {
    for (let waitMs = 20; ; waitMs = Math.min(waitMs * 2, 500)) {
      signal.throwIfAborted();
      if (this.#closed) throw new Error('this reader has been closed');
      try {
        // Sent together and answered in order: the check runs after the read, in the same breath.
        const [reply, held] = await Promise.all([
          this.#client.xread('COUNT', countMax, 'BLOCK', blockMs, 'STREAMS', this.#keys.inbox, after),
          after === INBOX_START ? undefined : this.#client.xrange(this.#keys.inbox, after, after),
        ]);
        if (held?.length === 0) throw trimmed(after);
        const entries = (reply?.[0]?.[1] ?? []) as [string, string[]][];
        return entries.map(([id, fields]) => ({ id, topic: fields[0] ?? '', payload: fields[1] ?? '' }));
      } catch (error) {
        if (error instanceof DepthcastError) throw error;
        if (isReplyError(error) && /^(WRONGTYPE|ERR|NOPERM)/.test(error.message)) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }

  /**
   * For a replay from {@link INBOX_START}, which no entry marks: every input ever added must still be there.
   *
   * @throws DepthcastError `INBOX_TRIMMED`.
   */
  async assertWhole(signal: AbortSignal): Promise<void> {
    const ask = () => this.#client.xinfo('STREAM', this.#keys.inbox).catch(absent);
    const info = (await retryReads(ask, signal)) as unknown[] | undefined;
    const field = (name: string) => (info ? Number(info[info.indexOf(name) + 1]) : 0);
    if (!info || field('entries-added') !== field('length')) {
      throw new DepthcastError(
        'INBOX_TRIMMED',
        `the inbox holds ${field('length')} of ${field('entries-added')} inputs`,
      );
    }
  }

  /**
   * A recovery may go on from an input only if it is still there: a read after it checks the same.
   *
   * @throws DepthcastError `INBOX_TRIMMED`.
   */
  async assertHolds(id: string, signal: AbortSignal): Promise<void> {
    if (id === INBOX_START) return;
    const held = await retryReads(() => this.#client.xrange(this.#keys.inbox, id, id), signal);
    if (held.length === 0) throw trimmed(id);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#client.disconnect();
  }
}

function trimmed(id: string): DepthcastError {
  return new DepthcastError('INBOX_TRIMMED', `input ${id} is no longer in the inbox, nor may be what followed it`);
}

/** A stream that does not exist answers XINFO with an error. */
function absent(error: Error): undefined {
  if (isReplyError(error) && error.message.includes('no such key')) return undefined;
  throw error;
}

/** Orders two ids of the inbox. */
export function compareInboxIds(a: string, b: string): number {
  const [aMs = 0, aSeq = 0] = a.split('-').map(Number);
  const [bMs = 0, bSeq = 0] = b.split('-').map(Number);
  return aMs - bMs || aSeq - bSeq;
}
