import type { LogEvent } from '@depthcast/protocol';
import { expect, it } from '@jest/globals';
import { OrderDesk } from './order-desk.ts';
import { ORDER_LIMITS, REMEMBERED_SECONDS } from './order-memory.ts';
import { MOVED_POSITIONS_MAX, Positions } from './positions.ts';
import { BTCUSD, noMark, orderInput, paperBalances, placed, SECOND, said, TS_US } from './scripted-orders.ts';

const LATER = SECOND + REMEMBERED_SECONDS;
const limits = { ...ORDER_LIMITS, accountsMax: 4, positionsMax: 4 };

function accountsOf(desk: OrderDesk): string[] {
  return Object.keys(JSON.parse(desk.accountsState()).accounts);
}

it('an account of which there is no more to know than of a new one makes room for another', () => {
  let desk = new OrderDesk({ paperBalances }, undefined, limits);
  desk.onClock(SECOND, noMark, []);
  const of = (account: string) => placed(desk, orderInput({ account })).order;
  const [idle, open, traded] = [of('idle'), of('open'), of('traded')];
  desk.close(idle, 'CANCELLED', '', TS_US, []);
  desk.fill(traded, BTCUSD, 1_000, 50_050, false, TS_US, []);
  desk.reject(desk.open(orderInput({ account: 'refused' }), BTCUSD, []) as never, 'post_only', TS_US, []);
  desk.settle(TS_US, noMark, []);
  desk.onClock(LATER - 1, noMark, []);
  expect(accountsOf(desk)).toEqual(['idle', 'open', 'traded', 'refused']);
  const late = orderInput({ account: 'late' });
  expect(said((to) => desk.open(late, BTCUSD, to))[0]?.[1]).toContain('"reason":"account_limit"');

  expect(said((to) => desk.onClock(LATER, noMark, to))).toEqual([]);
  expect(accountsOf(desk)).toEqual(['open', 'traded']);
  for (const { deposited, free, locked, counterparty } of desk.audit().values())
    expect(free + locked + counterparty).toBe(deposited);
  expect(desk.audit().get('BTC')?.deposited).toBe(4n * 10n ** 18n);
  // Restored, it is the same.
  desk = new OrderDesk({ paperBalances }, JSON.parse(JSON.stringify(desk.memory())), limits);
  expect(accountsOf(desk)).toEqual(['open', 'traded']);
  expect(desk.find('open', 'web-1')?.venueOrderId).toBe(open.venueOrderId);
  // Two accounts have room, with a position each.
  for (const account of ['late', 'idle']) placed(desk, orderInput({ account }));
  const told = said((to) => desk.settle(TS_US, noMark, to));
  expect(told.map(([topic]) => topic)).toEqual(['account::late', 'account::idle']);
  expect(told[1]?.[1]).toContain('{"asset":"USD","free":499.5,"locked":500.5},{"asset":"BTC","free":2,"locked":0}');
});

it('and its places among the positions go, but for the turn of the others', () => {
  const desk = new OrderDesk({ paperBalances });
  desk.onClock(SECOND, noMark, []);
  const sells = (account: string) => placed(desk, orderInput({ account, side: 'SELL' })).order;
  const order = sells('a');
  desk.close(sells('gone'), 'CANCELLED', '', TS_US, []);
  for (const sold of [order, sells('b')]) desk.fill(sold, BTCUSD, 1_000, 50_050, false, TS_US, []);
  desk.settle(TS_US, () => '500.5', []);
  desk.onClock(LATER, noMark, []);
  const moved = said((to) => desk.onClock(LATER + 1, () => '501', to)).map(([topic]) => topic);
  expect(moved).toEqual(['position:BTCUSD:a', 'position:BTCUSD:b']);
  expect(desk.memory().positions).toHaveLength(2);
});

it('so that who comes after those that have gone has the turn that was theirs', () => {
  const positions = new Positions();
  const events: LogEvent[] = [];
  const take = () => events.splice(0).map(({ topic }) => topic.split(':')[2]);
  const fill = (account: string) => {
    const position = positions.of(account, 'BTCUSD');
    position.fill('BUY', 1n, 1n, 2);
    positions.touch(position);
    positions.settle(account, 0, () => '1', events);
  };
  const names = Array.from({ length: MOVED_POSITIONS_MAX + 200 }, (_, i) => `a${i}`);
  names.forEach((name, i) => {
    if (i % 2 === 0) positions.of(`gone${i}`, 'BTCUSD');
    fill(name);
  });
  take();
  positions.onClock(1, () => '2', events);
  expect(take()).toEqual(names.slice(0, MOVED_POSITIONS_MAX));
  positions.forget(new Set(names.map((_, i) => `gone${i}`)));
  positions.onClock(2, () => '3', events);
  expect(take()).toEqual([...names.slice(-200), ...names.slice(0, MOVED_POSITIONS_MAX - 200)]);
});

it('an account keeps what it began with when others begin with something else', () => {
  const before = new OrderDesk({ paperBalances }, undefined, limits);
  before.onClock(SECOND, noMark, []);
  before.close(placed(before, orderInput({ account: 'idle' })).order, 'CANCELLED', '', TS_US, []);
  before.settle(TS_US, noMark, []);
  before.onClock(LATER - 1, noMark, []);
  const memory = JSON.parse(JSON.stringify(before.memory()));
  const [same, other] = [paperBalances, 'USD:1000,BTC:3'].map((text) => new OrderDesk({ paperBalances: text }, memory));
  for (const desk of [same, other]) desk?.onClock(LATER, noMark, []);
  expect([accountsOf(same as OrderDesk), accountsOf(other as OrderDesk)]).toEqual([[], ['idle']]);
});
