import { describe, expect, it } from '@jest/globals';
import { Filter } from '../fanout/filter.ts';
import { TopicTable } from '../fanout/topics.ts';
import { Window } from '../fanout/window.ts';
import { parseFrames } from '../testing/memory-sink.ts';
import { MarketState } from '../views/market-state.ts';
import { SnapshotFrames } from './snapshot-frames.ts';

describe('the snapshot after a reset', () => {
  const topics = new TopicTable();
  const window = new Window();
  const mismatches: string[] = [];
  const state = new MarketState({ onMismatch: (symbol, reason) => mismatches.push(`${symbol} ${reason}`) });
  let nowMs = 10_000;
  const snapshots = new SnapshotFrames({ window, state, accounts: { shown: () => [] }, nowMs: () => nowMs });
  let offset = 0;
  const feed = (text: string, payload: string) => {
    const entry = { epoch: 1, offset: offset++, topic: text, payload: Buffer.from(payload) };
    const topic = topics.of(text, entry.payload);
    window.append(entry.epoch, 0, entry.offset, topic, entry.payload);
    state.apply(entry, topic);
    state.endBatch();
  };
  const framesOf = (types?: string[], symbols?: string[]) =>
    parseFrames(
      snapshots
        .take(new Filter(topics, types, symbols))
        .onWire('plain')
        .join(''),
    );

  it('has the book, the status and the last values of what was asked for, exactly, and no ids', () => {
    const ts = '1704067200123456000';
    feed(
      'book_change:A',
      `{"type":"book_change","symbol":"A","ts_ns":${ts},"is_snapshot":true,"first":1,"last":4,"bids":[["1.50","2.0"]],"asks":[]}`,
    );
    feed(
      'book_change:A',
      `{"type":"book_change","symbol":"A","ts_ns":${ts},"is_snapshot":false,"first":5,"last":6,"bids":[["1.40","3.0"]],"asks":[["1.60","9.5"]]}`,
    );
    feed('market:A', '{"n":1}');
    feed('market:A', '{"n":2}');
    feed('bbo:A', '{"bbo":1}');
    feed('trade:A', '{"t":1}');
    feed('market:B', '{"b":1}');
    expect(framesOf(['book_change', 'market', 'bbo', 'trade'], ['A'])).toEqual([
      {
        event: 'book_change',
        data: expect.stringMatching(
          /^\{"type":"book_change","symbol":"A","ts_ns":1704067200123456000,"is_snapshot":true,"first":6,"last":6,"bids":\[\["1.50","2.0"\],\["1.40","3.0"\]\],"asks":\[\["1.60","9.5"\]\],"checksum":\d+\}$/,
        ),
      },
      { event: 'market', data: '{"n":2}' },
      { event: 'bbo', data: '{"bbo":1}' },
    ]);
    expect(framesOf(['market'])).toHaveLength(2);
    expect(mismatches).toEqual([]);
  });

  it('has the last of each kline interval, the ticker and the analytics', () => {
    const kline = (interval: string, n: number) => `{"type":"kline","symbol":"C","interval":"${interval}","n":${n}}`;
    feed('kline:C', kline('1m', 1));
    feed('kline:C', kline('1d', 2));
    feed('kline:C', kline('1m', 3));
    feed('ticker:C', '{"ticker":1}');
    feed('analytics:C', '{"analytics":1}');
    expect(framesOf(['kline', 'ticker', 'analytics']).map(({ data }) => data)).toEqual([
      '{"ticker":1}',
      '{"analytics":1}',
      kline('1m', 3),
      kline('1d', 2),
    ]);
    const named = snapshots.take(Filter.ofNames(topics, ['kline:C#1d', 'ticker:A'])).onWire('plain');
    expect(parseFrames(named.join(''))).toEqual([{ event: 'kline', data: kline('1d', 2) }]);
  });

  it('is empty, and so no chunk at all, when nothing asked for has a value', () => {
    expect(snapshots.take(new Filter(topics, ['trade'])).onWire('chunks')).toHaveLength(0);
  });

  it('is of this very moment, and shared only when very many are asked for', () => {
    nowMs += 5_000;
    const filter = new Filter(topics, ['market']);
    const taken = Array.from({ length: 40 }, () => {
      feed('market:A', '{}');
      return snapshots.take(filter).position === window.end;
    });
    expect(taken).toEqual([...Array(20).fill(true), ...Array(20).fill(false)]);
    nowMs += 5_000;
    expect(snapshots.take(filter).position).toBe(window.end);
  });

  it('is shared by fewer where it is long: 16 MB of text are rendered in a second', () => {
    nowMs += 5_000;
    const filter = new Filter(topics, ['market'], ['LONG']);
    const taken = Array.from({ length: 8 }, () => {
      feed('market:LONG', `{"long":"${'x'.repeat(4 << 20)}"}`);
      return snapshots.take(filter).position === window.end;
    });
    expect(taken).toEqual([...Array(4).fill(true), ...Array(4).fill(false)]);
  });

  describe('of accounts', () => {
    const accounts = {
      shown: ({ account }: Filter): [string, string][] =>
        account === undefined || account === 'nobody' ? [] : [['account', `{"of":"${account}"}`]],
    };
    let renderings = 0;
    const counting = {
      get symbols() {
        renderings++;
        return state.symbols;
      },
      book: (symbol: string) => state.book(symbol),
      lastValue: (topic: string) => state.lastValue(topic),
    } as MarketState;
    const shared = new SnapshotFrames({ window, state: counting, accounts, nowMs: () => nowMs });
    const take = (account: string | undefined, types = ['market', 'account']) =>
      shared.take(new Filter(topics, types, ['A'], account === undefined ? {} : { account }));
    const read = (snapshot: ReturnType<typeof take>) =>
      parseFrames(snapshot.onWire('plain').join('')).map(({ event, data }) => (event === 'account' ? data : event));

    it("is everybody's, and to each its own: names that somebody makes up cost no more than one", () => {
      nowMs += 5_000;
      renderings = 0;
      for (let i = 0; i < 1_000; i++) {
        feed('market:A', '{}');
        const frames = read(take(`made-up-${i}`));
        expect(frames).toEqual(['market', `{"of":"made-up-${i}"}`]);
      }
      expect(renderings).toBe(20);
      expect(read(take(undefined))).toEqual(['market']);
      expect(renderings).toBe(20);
    });

    it('is no chunk where there is nothing of either, and one of each where there is', () => {
      expect(take('nobody', ['account']).onWire('chunks')).toEqual([]);
      expect(take('alice', ['account']).onWire('chunks').map(String)).toEqual([
        '25\r\nevent: account\ndata: {"of":"alice"}\n\n\r\n',
      ]);
      expect(take('alice').onWire('chunks')).toHaveLength(2);
    });
  });
});
