import { DepthcastError } from '@depthcast/protocol';
import { duplicateClient, isReplyError, type RedisClient, retryReads, unlessClosed } from './connect.ts';
import type { PartitionKeys } from './keys.ts';
import { readProcessId } from './process-id.ts';

export interface InboxEntry {
  readonly id: string;
  readonly topic: string;
  readonly payload: string;
}

const BLOCK_MS = 1_000;
export const INBOX_START = '0-0';

/** The part of LogWriter that says in which Redis process its log is. */
export interface LogHolder {
  readonly runId: string;
  readonly repairs: number;
  verify(): Promise<void>;
}

/**
 * Reads the inbox from a known id, over a connection of its own. After each read it makes sure that the entry at
 * the cursor still stands: if it was trimmed, inputs after it may have gone too, and only a snapshot helps.
 *
 * For a living writer (`holder`) it gives only what the Redis process that holds the log has, and what was asked for
 * since its last repair: one of the two connections may find a new master before the other, and ids of one process
 * mean nothing in another.
 */
export class InboxReader {
  readonly #source: RedisClient;
  #client: RedisClient;
  readonly #keys: PartitionKeys;
  readonly #holder: LogHolder | undefined;
  readonly #closing = new AbortController();

  constructor(client: RedisClient, keys: PartitionKeys, holder?: LogHolder) {
    this.#source = client;
    this.#client = duplicateClient(client);
    this.#keys = keys;
    this.#holder = holder;
  }

  /**
   * The entries after `after`, at most `countMax`; empty after `blockMs` without any, and where the holder's log was
   * repaired meanwhile: go on from where its repair says. They are the holder's at the moment this resolves: apply
   * them before anything is awaited.
   *
   * @throws DepthcastError `INBOX_TRIMMED`; `FENCED` when the holder is.
   */
  async read(after: string, countMax: number, signal: AbortSignal, blockMs = BLOCK_MS): Promise<InboxEntry[]> {
    for (let waitMs = 20; ; waitMs = Math.min(waitMs * 2, 500)) {
      signal.throwIfAborted();
      if (this.#closing.signal.aborted) throw new Error('this reader has been closed');
      try {
        const entries = await this.#readOnce(after, countMax, blockMs);
        if (entries) return entries;
      } catch (error) {
        if (error instanceof DepthcastError) throw error;
        if (isReplyError(error) && /^(WRONGTYPE|ERR|NOPERM)/.test(error.message)) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }

  /** Undefined where this connection leads to another Redis process than the holder's. */
  async #readOnce(after: string, countMax: number, blockMs: number): Promise<InboxEntry[] | undefined> {
    const { inbox } = this.#keys;
    const holder = this.#holder;
    const repairs = holder?.repairs;
    // Sent together and answered in order: the checks run after the read, in the same breath.
    const asked = Promise.all([
      this.#client.xread('COUNT', countMax, 'BLOCK', blockMs, 'STREAMS', inbox, after),
      after === INBOX_START ? undefined : this.#client.xrange(inbox, after, after),
      holder && readProcessId(this.#client, this.#keys),
    ]);
    const [reply, held, runId] = await unlessClosed(asked, this.#closing.signal);
    if (holder && holder.runId !== runId) await holder.verify();
    if (holder && holder.repairs !== repairs) return [];
    if (holder && holder.runId !== runId) {
      this.#client.disconnect();
      this.#client = duplicateClient(this.#source);
      return undefined;
    }
    if (held?.length === 0) throw trimmed(after);
    const entries = (reply?.[0]?.[1] ?? []) as [string, string[]][];
    return entries.map(([id, fields]) => ({ id, topic: fields[0] ?? '', payload: fields[1] ?? '' }));
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
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
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
