import { type Input, parseEvent, parsePayload } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import { Market } from './market.ts';
import { SCRIPT_SECOND, ScriptedInputs } from './scripted-inputs.ts';

/** Events as short lines: `book_status gap 12 13`, `book_change 11-12`, `bbo`. */
function lines(market: Market, ...inputs: Input[]): string[] {
  return inputs
    .flatMap((input) => market.apply(input))
    .map(({ topic, payload }) => {
      const type = topic.split(':')[0];
      const event = parsePayload(payload) as Record<string, unknown>;
      const { status, expected, got, first, last, is_snapshot } = event;
      if (type === 'book_status') return [type, status, expected, got].filter((x) => x !== undefined).join(' ');
      if (type === 'book_change') return `${type} ${is_snapshot ? 'snapshot ' : ''}${first}-${last}`;
      return type as string;
    });
}

function bookOf(market: Market) {
  const [stored] = market.books();
  if (stored === undefined) throw new Error('no book');
  return stored.book;
}

function synced(depthRule: 'spot' | 'usdm' = 'spot'): { market: Market; inputs: ScriptedInputs } {
  const market = new Market();
  const inputs = new ScriptedInputs();
  lines(market, inputs.symbol({ depthRule }), inputs.snapshot(10, [['99', '1']], [['101', '1']]));
  return { market, inputs };
}

describe('a gap', () => {
  it('is said once; the old book keeps serving; the snapshot and what was buffered mend it', () => {
    const { market, inputs } = synced();
    expect(lines(market, inputs.depth(12, 13, [['98', '1']], []))).toEqual(['book_status gap 11 12']);
    expect(lines(market, inputs.depth(14, 14, [['97', '1']], []))).toEqual([]);
    expect(bookOf(market)).toMatchObject({ status: 'gap', last: 10, bids: [['99.00', '1.000']] });
    expect(lines(market, inputs.snapshot(12, [['99', '2']], [['101', '1']]))).toEqual([
      'book_change snapshot 12-12',
      'book_change 12-13',
      'book_change 14-14',
      'book_status synced',
      'bbo',
    ]);
    expect(bookOf(market)).toMatchObject({
      status: 'synced',
      last: 14,
      bids: [
        ['99.00', '2.000'],
        ['98.00', '1.000'],
        ['97.00', '1.000'],
      ],
    });
  });

  it('of USD-M is told by pu', () => {
    const { market, inputs } = synced('usdm');
    expect(lines(market, inputs.depth(8, 15, [], [], 7))).toEqual(['book_change 8-15']);
    expect(lines(market, inputs.depth(17, 18, [], [], 16))).toEqual(['book_status gap 15 16']);
  });

  it('a snapshot older than the buffer is not taken', () => {
    const { market, inputs } = synced();
    expect(lines(market, inputs.depth(15, 16, [], []), inputs.snapshot(12, [], []))).toEqual([
      'book_status gap 11 15',
      'book_status buffering',
    ]);
    expect(bookOf(market)).toMatchObject({ status: 'buffering', last: 10, bids: [['99.00', '1.000']] });
    expect(lines(market, inputs.snapshot(15, [['90', '1']], [['91', '1']])).at(0)).toBe('book_change snapshot 15-15');
  });

  it('of one symbol leaves the others alone', () => {
    const { market, inputs } = synced();
    const other = new ScriptedInputs('ingest-2', 'ETHUSD');
    lines(market, other.symbol(), other.snapshot(5, [['10', '1']], [['11', '1']]), inputs.depth(20, 21, [], []));
    expect(market.books().map(({ symbol, book }) => [symbol, book.status])).toEqual([
      ['BTCUSD', 'gap'],
      ['ETHUSD', 'synced'],
    ]);
    expect(lines(market, other.depth(6, 6, [], [['12', '1']]))).toEqual(['book_change 6-6']);
  });
});

describe('what says nothing', () => {
  it('duplicates, buffered diffs, and a snapshot older than a synced book', () => {
    const { market, inputs } = synced();
    expect(lines(market, inputs.depth(9, 10, [], []), inputs.snapshot(9, [], []))).toEqual([]);
    const fresh = new ScriptedInputs('ingest-2', 'ETHUSD');
    lines(market, fresh.symbol());
    expect(lines(market, fresh.depth(1, 2, [['1', '1']], []))).toEqual([]);
  });
});

describe('a feed', () => {
  it('that is down leaves the old book, as stale, and ignores what trickles in until it is up', () => {
    const { market, inputs } = synced();
    expect(lines(market, inputs.feed('down'))).toEqual(['book_status stale', 'error']);
    expect(lines(market, inputs.depth(11, 11, [['98', '1']], []), inputs.snapshot(20, [], []))).toEqual([]);
    expect(market.snapshot()).toContain('"buffer":[]');
    expect(bookOf(market)).toMatchObject({ status: 'stale', last: 10, bids: [['99.00', '1.000']] });
  });

  it('that comes up syncs anew, even from lower update ids, and counts quotes anew', () => {
    const { market, inputs } = synced();
    expect(lines(market, inputs.quote(50), inputs.quote(3))).toEqual(['bbo']);
    expect(lines(market, inputs.feed('up'), inputs.depth(3, 4, [['98', '1']], []), inputs.quote(3))).toEqual([
      'book_status buffering',
      'bbo',
    ]);
    expect(bookOf(market)).toMatchObject({ status: 'buffering', last: 10 });
    expect(lines(market, inputs.snapshot(3, [['99', '1']], [['101', '1']]))).toEqual([
      'book_change snapshot 3-3',
      'book_change 3-4',
      'book_status synced',
    ]);
  });
});

describe('a venue that stays away', () => {
  const told = (market: Market, ...inputs: Input[]) =>
    inputs.flatMap((input) => market.apply(input)).map(({ topic, payload }) => [topic, parseEvent('error', payload)]);
  const said = (retries: number) => {
    const message = `market_source_unreachable: ${retries} retries in a row have failed, more follow`;
    return [['error:BTCUSD', { type: 'error', ts_ns: expect.any(BigInt), message }]];
  };

  it('is said once, however long it takes, and again of the next loss; also by a market that was restored', () => {
    const { market, inputs } = synced();
    const away = (retries: number) => inputs.feed('down', 'connection refused', retries);
    expect(lines(market, inputs.feed('down'))).toEqual(['book_status stale', 'error']);
    expect(told(market, away(10))).toEqual(said(10));
    const restored = Market.restore(market.snapshot());
    for (const each of [market, restored]) expect(told(each, away(10), inputs.feed('down'))).toEqual([]);
    expect(bookOf(market).status).toBe('stale');
    lines(market, inputs.feed('up'), inputs.feed('down'));
    expect(told(market, away(3))).toEqual(said(3));
  });

  it('comes with the loss where no retries are allowed', () => {
    const { market, inputs } = synced();
    expect(lines(market, inputs.feed('down', 'refused', 0))).toEqual(['book_status stale', 'error', 'error']);
  });

  it('is nothing to subscribers as long as another producer reaches it', () => {
    const { market, inputs } = synced();
    const other = new ScriptedInputs('other');
    lines(market, inputs.feed('up'), inputs.snapshot(20, [['99', '1']], [['101', '1']]));
    lines(market, other.symbol(), other.feed('down'), inputs.depth(21, 21, [], []));
    expect(bookOf(market).status).toBe('synced');
    expect(lines(market, other.feed('down', 'refused', 10))).toEqual([]);
    expect(bookOf(market).status).toBe('synced');
  });
});

describe('a producer that ends without a word while others go on', () => {
  const started = () => {
    const market = new Market();
    const [dead, alive] = [new ScriptedInputs('dead'), new ScriptedInputs('alive', 'ETHUSD')];
    lines(market, dead.clock(SCRIPT_SECOND));
    for (const inputs of [dead, alive]) {
      lines(market, inputs.symbol(), inputs.feed('up'), inputs.snapshot(10, [['99', '1']], [['101', '1']]));
    }
    const alone = (from: number, to: number) => {
      const clocks = Array.from({ length: to - from + 1 }, (_, i) => alive.clock(SCRIPT_SECOND + from + i));
      const told = clocks.flatMap((clock) => market.apply(clock));
      return told.filter(({ topic }) => /^(book_status|error)/.test(topic)).map(({ topic }) => topic);
    };
    return { market, dead, alive, alone };
  };

  it('leaves its books stale after five seconds, once; those of the others go on', () => {
    const { market, alone } = started();
    expect(alone(1, 5)).toEqual([]);
    expect(alone(6, 6)).toEqual(['book_status:BTCUSD', 'error:BTCUSD']);
    expect(alone(7, 60)).toEqual([]);
    expect(market.books().map(({ symbol, book }) => [symbol, book.status])).toEqual([
      ['BTCUSD', 'stale'],
      ['ETHUSD', 'synced'],
    ]);
  });

  it('was only slow, should it be heard again: its book goes on where it was', () => {
    const { market, dead, alone } = started();
    alone(1, 9);
    const restored = Market.restore(market.snapshot());
    for (const each of [market, restored]) {
      expect(lines(each, dead.depth(11, 11, [['99', '2']], []))).toEqual([
        'book_status synced',
        'book_change 11-11',
        'bbo',
      ]);
    }
  });

  it('is remembered as silent as it was by a market that was restored', () => {
    const { market, alone, alive } = started();
    alone(1, 5);
    const restored = Market.restore(market.snapshot());
    expect(lines(restored, alive.clock(SCRIPT_SECOND + 6))).toContain('book_status stale');
  });

  it('is one that has no clock to send either: a quiet book with a clock is alive, and a jump of time is no silence', () => {
    const { dead, alive, market } = started();
    for (let second = 1; second < 20; second++) {
      market.apply(alive.clock(SCRIPT_SECOND + second));
      market.apply(dead.clock(SCRIPT_SECOND + second));
    }
    market.apply(alive.clock(SCRIPT_SECOND + 9_000));
    expect(market.books().map(({ book }) => book.status)).toEqual(['synced', 'synced']);
  });
});

describe('a feed that passes from one producer to another', () => {
  const begin = (producer: ScriptedInputs) => [producer.symbol(), producer.feed('down', 'not connected yet')];
  const rolling = () => {
    const market = new Market();
    const [before, after] = [new ScriptedInputs('before'), new ScriptedInputs('after')];
    const snapshot = () => before.snapshot(10, [['99', '1']], [['101', '1']]);
    lines(market, ...begin(before), before.feed('up'), snapshot(), before.depth(11, 11, [], []));
    return { market, before, after };
  };
  const restored = (market: Market) => Market.restore(market.snapshot());

  it("is the new one's: the old one's farewell changes nothing", () => {
    const { market, before, after } = rolling();
    lines(market, ...begin(after), after.feed('up'), after.snapshot(20, [['99', '2']], [['101', '1']]));
    for (const each of [market, restored(market)]) {
      expect(lines(each, before.feed('down', 'ingest stopped'))).toEqual([]);
      expect(lines(each, after.depth(21, 21, [['99', '3']], []))).toEqual(['book_change 21-21', 'bbo']);
    }
    expect(lines(market, after.feed('down'))).toEqual(['book_status stale', 'error']);
  });

  it('is in doubt while the new one is not connected: the book is stale until the old one is heard again', () => {
    const { market, before, after } = rolling();
    expect(lines(market, ...begin(after))).toEqual(['book_status stale', 'error']);
    // Who died without a word is not heard again, and clocks are no sign of life.
    expect(lines(market, after.clock(SCRIPT_SECOND), before.clock(SCRIPT_SECOND + 1), after.feed('down'))).toEqual([
      'clock',
      'clock',
    ]);
    expect(bookOf(market).status).toBe('stale');
    for (const each of [market, restored(market)]) {
      expect(lines(each, before.depth(12, 12, [['99', '4']], []))).toEqual([
        'book_status synced',
        'book_change 12-12',
        'bbo',
      ]);
    }
    expect(lines(market, after.feed('down'), before.depth(14, 14, [], []))).toEqual([
      'book_status stale',
      'error',
      'book_status synced',
      'book_status gap 13 14',
    ]);
    expect(lines(market, after.feed('down'), before.snapshot(12, [], []))).toEqual([
      'book_status stale',
      'error',
      'book_status gap',
      'book_status buffering',
    ]);
    expect(lines(market, before.feed('down'), before.snapshot(14, [], []))).toEqual(['book_status stale', 'error']);
  });
});

describe('a symbol defined again', () => {
  it('the same keeps its book, also when tick and step are spelled otherwise', () => {
    const { market, inputs } = synced();
    expect(lines(market, inputs.symbol({ tick: '0.010', step: '0.00100000', quotes: true }))).toEqual([]);
    expect(bookOf(market)).toMatchObject({ status: 'synced', last: 10 });
    expect(lines(market, inputs.depth(11, 11, [['99', '7']], []))).toEqual(['book_change 11-11']);
  });

  it.each([{ tick: '0.1' }, { step: '1' }, { depthRule: 'usdm' as const }])(
    'with %p begins an empty book',
    (change) => {
      const { market, inputs } = synced();
      lines(market, inputs.trade(1, '100.50', '1'));
      expect(lines(market, inputs.symbol(change))).toEqual(['symbol', 'book_status buffering']);
      expect(bookOf(market)).toMatchObject({ status: 'buffering', last: 0, bids: [], asks: [], market: '100.50' });
      // The last trade is still the price: a mid does not take its place.
      expect(lines(market, inputs.snapshot(1, [['99', '1']], [['101', '1']]))).not.toContain('market');
    },
  );
});

describe('checksums', () => {
  it("stand in a symbol's first change of each second of event time and in every snapshot", () => {
    const { market, inputs } = synced();
    const has = (input: Input) => market.apply(input)[0]?.payload.includes('"checksum"');
    expect([has(inputs.depth(11, 11, [], [])), has(inputs.depth(12, 12, [], []))]).toEqual([false, false]);
    market.apply(inputs.clock(SCRIPT_SECOND));
    expect([has(inputs.depth(13, 13, [], [])), has(inputs.depth(14, 14, [], []))]).toEqual([true, false]);
    expect(has(inputs.snapshot(20, [], []))).toBe(true);
    market.apply(inputs.clock(SCRIPT_SECOND + 1));
    expect([has(inputs.depth(21, 21, [], [])), has(inputs.depth(22, 22, [], []))]).toEqual([true, false]);
  });
});
