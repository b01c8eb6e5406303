import { partitionOf } from '@depthcast/protocol';
import { describe, expect, it } from '@jest/globals';
import { fillStore } from '../testing/fill-store.ts';
import { MemoryHistory } from '../testing/memory-history.ts';
import { ModelStore } from '../testing/model-store.ts';
import { checkSamePartitions } from './same-partitions.ts';

const SYMBOLS = ['BTCUSD', 'ETHUSD', 'SOLUSD', 'SIMUSD', 'DOGEUSD'];

async function recordedWith(partitions: number): Promise<ModelStore> {
  const store = new ModelStore();
  for (let partition = 0; partition < partitions; partition++) {
    const history = new MemoryHistory();
    history.add({ topic: 'epoch', payload: '{"type":"epoch","epoch":1,"previous_tail":null,"reason":"start"}' });
    const own = SYMBOLS.filter((symbol) => partitionOf(symbol, partitions) === partition);
    history.add(...own.map((symbol) => ({ topic: `trade:${symbol}`, payload: '{}' })));
    await fillStore(store, history, partition);
  }
  return store;
}

describe('a database', () => {
  it.each([1, 2, 4, 64])('that was recorded with %i partitions is used with as many', async (partitions) => {
    await expect(checkSamePartitions(await recordedWith(partitions), partitions)).resolves.toBeUndefined();
    await expect(checkSamePartitions(new ModelStore(), partitions)).resolves.toBeUndefined();
  });

  it.each([
    [1, 4, /BTCUSD in partition 0|ETHUSD in partition 0|SIMUSD in partition 0/],
    [4, 1, /it has partition 1/],
    [4, 2, /it has partition 2/],
    [2, 3, /in partition/],
  ])('that was recorded with %i is refused with %i', async (recorded, asked, what) => {
    const check = checkSamePartitions(await recordedWith(recorded), asked);
    await expect(check).rejects.toMatchObject({ code: 'JOURNAL_STORE_UNUSABLE', message: expect.stringMatching(what) });
  });
});
