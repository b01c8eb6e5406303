import { isOpenStatus } from '@depthcast/protocol';
import { type AccountReplica, type OrderReplica, orderOf } from './account-replica.ts';
import { RawReader } from './raw-reader.ts';

interface Ended {
  readonly account: AccountReplica;
  readonly order: OrderReplica;
  /** Of its account none ended earlier in this order, although inputs are dated by many machines. */
  readonly endedMs: number;
}

/**
 * Reads the market's accountsState() into accounts, once from its beginning to its end: it may have some MB.
 *
 * @param accountOf the account of a name, without anything yet.
 * @returns the balances that every account begins with, as a JSON list.
 * @throws when it is not such a state; of the accounts some are filled then.
 */
export function readAccountsState(json: string, accountOf: (name: string) => AccountReplica): string | undefined {
  let startingBalances: string | undefined;
  const ended: Ended[] = [];
  const state = new RawReader(json);
  for (const member of state.members()) {
    if (member === 'startingBalances') startingBalances = copied(state.text());
    else if (member !== 'accounts') state.text();
    else for (const name of state.members()) readAccount(state, accountOf(name), ended);
  }
  if (startingBalances === undefined) throw new Error('no starting balances');
  // What is the oldest of all is let go first.
  ended.sort((a, b) => a.endedMs - b.endedMs);
  for (const { account, order } of ended) account.put(order);
  return startingBalances;
}

function readAccount(state: RawReader, account: AccountReplica, ended: Ended[]): void {
  for (const member of state.members()) {
    if (member === 'balances') account.applyBalances(copied(state.text()));
    else if (member === 'positions') for (const _ of state.items()) account.applyPosition(copied(state.text()));
    else if (member !== 'orders') state.text();
    else readOrders(state, account, ended);
  }
}

/** Open ones stand there by their age, then those that have ended, the newest first. */
function readOrders(state: RawReader, account: AccountReplica, ended: Ended[]): void {
  const newestFirst: OrderReplica[] = [];
  for (const _ of state.items()) {
    const order = orderOf(copied(state.text()));
    if (isOpenStatus(order.status)) account.put(order);
    else newestFirst.push(order);
  }
  let endedMs = 0;
  for (const order of newestFirst.reverse()) {
    endedMs = Math.max(endedMs, order.lastMs);
    ended.push({ account, order, endedMs });
  }
}

/** A part of a text keeps the whole of it in memory, and what is stored may be large. */
export function copied(part: string): string {
  return Buffer.from(part).toString();
}
