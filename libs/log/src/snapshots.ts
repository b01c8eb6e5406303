import { type Cursor, tryParseCursor } from '@depthcast/protocol';
import type { RedisClient } from './connect.ts';
import type { PartitionKeys } from './keys.ts';

/** Engine state as of a cursor of the log and an id of the inbox. */
export interface StoredSnapshot {
  readonly cursor: Cursor;
  readonly inboxId: string;
  readonly logicVersion: string;
  readonly state: string;
}

/** One book as of a cursor, for a reader that joins late. `state` is JSON of the market's StoredBookState. */
export interface StoredBook {
  readonly symbol: string;
  readonly cursor: Cursor;
  readonly state: string;
}

/** All accounts as of a cursor, for a reader that joins late. `state` is JSON of the market's accountsState(). */
export interface StoredAccounts {
  readonly cursor: Cursor;
  readonly state: string;
}

/** The stored snapshots, newest first: none, one or two. */
export async function readSnapshots(client: RedisClient, keys: PartitionKeys): Promise<StoredSnapshot[]> {
  const hash = await client.hgetall(keys.snapshot);
  return ['newest', 'previous'].flatMap((slot) => {
    const cursor = tryParseCursor(hash[`${slot}.cursor`] ?? '');
    const inboxId = hash[`${slot}.inboxId`];
    const logicVersion = hash[`${slot}.logicVersion`];
    const state = hash[`${slot}.state`];
    if (!cursor || inboxId === undefined || logicVersion === undefined || state === undefined) return [];
    return [{ cursor, inboxId, logicVersion, state }];
  });
}

/** Every symbol's book as of the newest snapshot; empty before the first one. */
export async function readBooks(client: RedisClient, keys: PartitionKeys): Promise<StoredBook[]> {
  const symbols = JSON.parse((await client.hget(keys.snapshot, 'symbols')) ?? '[]') as string[];
  if (symbols.length === 0) return [];
  const values = await client.mget(symbols.map((symbol) => keys.book(symbol)));
  return symbols.flatMap((symbol, i) => {
    const stored = decodeAtCursor(values[i]);
    return stored ? [{ symbol, ...stored }] : [];
  });
}

/** The accounts as of the newest snapshot that had any; undefined before it. */
export async function readAccounts(client: RedisClient, keys: PartitionKeys): Promise<StoredAccounts | undefined> {
  return decodeAtCursor(await client.get(keys.accounts));
}

/**
 * Symbols whose book did not follow its venue as of the newest snapshot, and the cursor of that. Undefined before the
 * first one. How an ingest learns of a gap that arose behind it.
 */
export async function readUnsynced(
  client: RedisClient,
  keys: PartitionKeys,
): Promise<{ readonly cursor: string; readonly symbols: readonly string[] } | undefined> {
  const [cursor, unsynced] = await client.hmget(keys.snapshot, 'newest.cursor', 'unsynced');
  return cursor && unsynced ? { cursor, symbols: JSON.parse(unsynced) as string[] } : undefined;
}

/** `<cursor> <state>`: the cursor is not the market's business, so it stands outside its JSON. */
export function encodeAtCursor(cursor: string, state: string): string {
  return `${cursor} ${state}`;
}

function decodeAtCursor(value: string | null | undefined): { cursor: Cursor; state: string } | undefined {
  if (!value) return undefined;
  const space = value.indexOf(' ');
  const cursor = tryParseCursor(value.slice(0, space));
  return cursor ? { cursor, state: value.slice(space + 1) } : undefined;
}
