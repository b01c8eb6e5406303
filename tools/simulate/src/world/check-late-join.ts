import type { StoredBookState } from '@depthcast/market';
import type { StreamEntry } from '../redis/stream.ts';
import type { Violation } from './checks.ts';
import type { World } from './world.ts';

interface Levels {
  readonly bids: readonly [string, string][];
  readonly asks: readonly [string, string][];
}

/**
 * A reader that joins late loads a stored book and goes on from its cursor: up to there the log must give that very
 * book.
 */
export function checkStoredBooks(world: World, log: readonly StreamEntry[]): Violation[] {
  return ['LVL', 'MTC'].flatMap((symbol) => {
    const stored = world.text(world.keys.book(symbol));
    if (stored === undefined) return [];
    const space = stored.indexOf(' ');
    const cursor = stored.slice(0, space);
    const { bids, asks } = JSON.parse(stored.slice(space + 1)) as StoredBookState;
    const given = foldedBook(symbol, cursor, log);
    if (!given)
      return [{ kind: 'broken', what: `the book of ${symbol} is as of ${cursor}, which the log does not hold` }];
    const [wanted, got] = [sorted({ bids, asks }), sorted(given)];
    if (wanted === got) return [];
    return [
      { kind: 'broken', what: `at ${cursor} the book of ${symbol} is stored as ${wanted}, the log gives ${got}` },
    ];
  });
}

/** Undefined where the log does not hold the cursor. */
function foldedBook(symbol: string, cursor: string, log: readonly StreamEntry[]): Levels | undefined {
  let bids = new Map<string, string>();
  let asks = new Map<string, string>();
  for (const { id, fields } of log) {
    const [topic, payload = ''] = fields;
    if (topic === `book_change:${symbol}`) {
      const change = JSON.parse(payload) as Levels & { is_snapshot: boolean };
      if (change.is_snapshot) [bids, asks] = [new Map(), new Map()];
      set(bids, change.bids);
      set(asks, change.asks);
    }
    if (id === cursor) return { bids: [...bids], asks: [...asks] };
  }
  return undefined;
}

function set(side: Map<string, string>, levels: Levels['bids']): void {
  for (const [price, size] of levels) {
    if (Number(size) === 0) side.delete(price);
    else side.set(price, size);
  }
}

function sorted({ bids, asks }: Levels): string {
  return JSON.stringify([bids, asks].map((side) => [...side].sort(([a], [b]) => Number(a) - Number(b))));
}

/** The same of balances: what `account` events have told of them up to the stored cursor is what is stored. */
export function checkStoredAccounts(world: World, log: readonly StreamEntry[]): Violation[] {
  const stored = world.text(world.keys.accounts);
  if (stored === undefined) return [];
  const space = stored.indexOf(' ');
  const cursor = stored.slice(0, space);
  type Balance = { readonly asset: string };
  const { accounts } = JSON.parse(stored.slice(space + 1)) as { accounts: Record<string, { balances: Balance[] }> };
  const told = new Map<string, string>();
  for (const { id, fields } of log) {
    const [topic = '', payload = ''] = fields;
    if (topic.startsWith('account:')) {
      const { balances } = JSON.parse(payload) as { balances: Balance[] };
      for (const balance of balances) told.set(`${topic.split(':')[2]} ${balance.asset}`, JSON.stringify(balance));
    }
    if (id === cursor) break;
  }
  const wrong = Object.entries(accounts).flatMap(([name, { balances }]) => {
    return balances
      .filter((balance) => told.get(`${name} ${balance.asset}`) !== JSON.stringify(balance))
      .map((balance) => {
        return `${name} is stored with ${JSON.stringify(balance)}, told of ${told.get(`${name} ${balance.asset}`)}`;
      });
  });
  return wrong.slice(0, 3).map((what) => ({ kind: 'broken', what: `at ${cursor} ${what}` }));
}
