import { describe, expect, it } from '@jest/globals';
import { gatewayOf, newLog, TINY } from '../testing/memory-gateway.ts';
import { settle } from '../testing/memory-sink.ts';
import { FollowOnDemand } from './following.ts';

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function lazy(lingerMs: number) {
  const logs = [newLog(5), newLog(7), newLog(9)];
  const warnings: string[] = [];
  const gateways = logs.map((log) => gatewayOf(log, TINY, warnings));
  for (const gateway of gateways) await gateway.pause();
  const following = new FollowOnDemand(gateways, () => {}, lingerMs);
  following.start();
  return { logs, gateways, following, warnings, followed: () => gateways.map(({ isFollowing }) => isFollowing) };
}

describe('TAIL=lazy', () => {
  it('follows a partition for as long as somebody uses it, and a while longer', async () => {
    const { following, followed, gateways } = await lazy(30);
    expect(followed()).toEqual([false, false, false]);
    const first = await following.use([1]);
    const second = await following.use([1, 2]);
    expect(followed()).toEqual([false, true, true]);
    expect(gateways[1]?.isCaughtUp).toBe(true);
    second();
    second();
    await wait(80);
    expect(followed()).toEqual([false, true, false]);
    first();
    expect(followed()).toEqual([false, true, false]);
    await wait(80);
    expect(followed()).toEqual([false, false, false]);
    following.stop();
  });

  it('knows how far the others are before it serves anybody, so that no id goes back', async () => {
    const { following, gateways, logs } = await lazy(0);
    const release = await following.use([0]);
    expect(gateways.map(({ place }) => place?.offset)).toEqual([5, 7, 9]);
    logs[2]?.append('market:A', '{}');
    const again = await following.use([0]);
    expect(gateways.map(({ place }) => place?.offset)).toEqual([5, 7, 10]);
    release();
    again();
    following.stop();
  });

  it('serves what is newest after any number of comings and goings', async () => {
    const { following, gateways, logs, warnings } = await lazy(0);
    const [log] = logs as [(typeof logs)[0]];
    for (let i = 0; i < 50; i++) {
      log.append('market:A', `{"i":${i}}`);
      const release = await following.use([0]);
      await settle(2);
      expect(gateways[0]?.window.tail).toEqual(log.last);
      release();
      await wait(i % 4);
    }
    await wait(20);
    expect(gateways[0]?.isFollowing).toBe(false);
    expect(warnings).toEqual([]);
    following.stop();
  });
});
