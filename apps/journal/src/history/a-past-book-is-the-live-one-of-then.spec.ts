import { type BookReplica, OrderReplica, restoreReplica, storedState } from '@depthcast/book';
import { Market } from '@depthcast/market';
import { type Cursor, formatCursor } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { inputsOf, LEVELS, ORDERS, type Step, steps } from '../testing/market-inputs.ts';
import { MemoryHistory } from '../testing/memory-history.ts';
import { type LiveBook, RecordedMarket } from '../testing/recorded-market.ts';
import { PastBooks } from './past-books.ts';

interface Moment {
  readonly at: Cursor;
  readonly live: ReadonlyMap<string, LiveBook | undefined>;
}

/** The market's own books after each input. */
function record(list: readonly Step[]): { history: MemoryHistory; moments: Moment[] } {
  const history = new MemoryHistory();
  const market = new RecordedMarket(history, new Market());
  const moments: Moment[] = [];
  for (const input of inputsOf(list)) {
    market.apply(input);
    moments.push({ at: market.tail, live: new Map([LEVELS, ORDERS].map((name) => [name, market.book(name)])) });
  }
  return { history, moments };
}

function said(replica: BookReplica) {
  const { book } = replica;
  const orders = replica instanceof OrderReplica ? { orders: replica.wireOrders() } : {};
  return { bids: book?.wireLevels('bid'), asks: book?.wireLevels('ask'), ...orders };
}

function saidOf(live: LiveBook | undefined) {
  return { bids: live?.bids, asks: live?.asks, ...(live?.orders ? { orders: live.orders } : {}) };
}

describe('a past book', () => {
  it("equals the engine's at every moment, of levels and of orders", async () => {
    let snapshots = 0;
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        const { history, moments } = record(list);
        snapshots += history.rows.filter(({ type }) => type === 'book_snapshot').length;
        const books = new PastBooks(history, 1);
        for (const { at, live } of moments.slice(4)) {
          for (const name of [LEVELS, ORDERS]) {
            if (live.get(name)?.status === 'buffering') continue;
            const replica = await books.asOf(name, at);
            expect({ at, name, ...said(replica) }).toEqual({ at, name, ...saidOf(live.get(name)) });
            expect(replica).toMatchObject({ status: live.get(name)?.status, last: live.get(name)?.last });
          }
        }
      }),
      { numRuns: 30 },
    );
    expect(snapshots).toBeGreaterThan(50);
  });

  it('is handed to gateways as the engine itself would have stored it', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (list) => {
        const { history, moments } = record(list);
        const { at, live } = moments.at(-1) as Moment;
        for (const name of [LEVELS, ORDERS]) {
          const state = storedState(await new PastBooks(history, 1).asOf(name, at)) ?? '';
          const { tsEventUs, ...stored } = JSON.parse(state);
          const { tsEventUs: _, ...own } = JSON.parse(JSON.stringify(live.get(name)));
          expect(stored).toEqual(own);
          expect(said(restoreReplica({ symbol: name, cursor: at, state }))).toEqual(saidOf(live.get(name)));
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe('where events are missing', () => {
  const order = { do: 'order', id: 0, account: undefined, side: 'BUY', qty: '1.0', price: '9.9' } as const;
  const minutes = (count: number): Step[] =>
    Array.from({ length: count }, (_, n): Step[] => [
      { do: 'diff', bids: [[`9.${n % 10}`, '1.5']], asks: [['10.5', `${n + 1}.0`]] },
      { ...order, id: n },
      { do: 'wait', seconds: 40 },
    ]).flat();

  it('there is no book until the next whole one, and then it is exact again', async () => {
    const { history, moments } = record(minutes(12));
    const third = history.rows.findIndex(({ type }) => type === 'book_snapshot');
    history.lose(third + 1, 3);
    const hole = history.holeList[0]?.next as Cursor;
    let missing = 0;
    let found = 0;
    for (const { at, live } of moments.filter((moment) => moment.at.offset >= hole.offset)) {
      for (const name of [LEVELS, ORDERS]) {
        const answer = await new PastBooks(history, 1).asOf(name, at).then(said, (error) => error.code);
        if (answer === 'HISTORY_MISSING') missing++;
        else {
          found++;
          expect(answer).toEqual(saidOf(live.get(name)));
        }
      }
    }
    expect(missing).toBeGreaterThan(0);
    expect(found).toBeGreaterThan(10);
  });

  it('a book of orders that is defined again is not taken for an empty one', async () => {
    const { history } = record([0, 1, 2, 3].map((id) => ({ ...order, id })));
    const definition = history.rows.find(({ type, symbol }) => type === 'symbol' && symbol === ORDERS);
    const keeps = 4;
    history.lose(1, history.rows.length - 1 - keeps);
    history.add({ topic: `symbol:${ORDERS}`, payload: definition?.payload ?? '' });
    expect(history.rows.map(({ type }) => type)).toContain('book_order');
    const answer = new PastBooks(history, 1).asOf(ORDERS, history.tail as Cursor);
    await expect(answer).rejects.toMatchObject({ code: 'HISTORY_MISSING' });
  });

  it('nor is one whose beginning retention has dropped', async () => {
    const { history } = record([0, 1, 2, 3].map((id) => ({ ...order, id })));
    const definition = history.rows.find(({ type, symbol }) => type === 'symbol' && symbol === ORDERS);
    history.lose(0, history.rows.length - 4, false);
    history.add({ topic: `symbol:${ORDERS}`, payload: definition?.payload ?? '' });
    const answer = new PastBooks(history, 1).asOf(ORDERS, history.tail as Cursor);
    await expect(answer).rejects.toMatchObject({ code: 'HISTORY_MISSING' });
  });

  it('a change that is gone without a word is found by a checksum', async () => {
    const second: Step = { do: 'wait', seconds: 1 };
    const diffs = [1, 2, 3].flatMap((n): Step[] => [{ do: 'diff', bids: [[`9.${n}`, '1.5']], asks: [] }, second]);
    const { history } = record([{ do: 'wait', seconds: 70 }, second, ...diffs]);
    await expect(new PastBooks(history, 1).asOf(LEVELS, history.tail as Cursor)).resolves.toBeDefined();
    const snapshot = history.rows.findLastIndex(({ type, symbol }) => type === 'book_snapshot' && symbol === LEVELS);
    const change = history.rows.findIndex(
      ({ type, symbol }, n) => n > snapshot && type === 'book_change' && symbol === LEVELS,
    );
    history.lose(change, 1, false);
    await expect(new PastBooks(history, 1).asOf(LEVELS, history.tail as Cursor)).rejects.toThrow(/checksum/);
  });

  it('an event that is not on the timeline has no book', async () => {
    const { history } = record(minutes(2));
    const tail = history.tail as Cursor;
    for (const at of [
      { epoch: 1, offset: tail.offset + 1 },
      { epoch: 2, offset: 0 },
      { epoch: 0, offset: 5 },
    ]) {
      await expect(new PastBooks(history, 1).asOf(LEVELS, at)).rejects.toMatchObject({ code: 'HISTORY_MISSING' });
    }
    history.add({
      topic: 'epoch',
      payload: `{"type":"epoch","epoch":9,"previous_tail":"${formatCursor({ epoch: 1, offset: tail.offset - 1 })}","reason":"x"}`,
    });
    await expect(new PastBooks(history, 1).asOf(LEVELS, tail)).rejects.toMatchObject({ code: 'HISTORY_MISSING' });
  });
});
