import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { Machine } from './network/machine.ts';
import { VirtualTime } from './virtual-time.ts';

let time: VirtualTime;
let sleep: (ms?: number, value?: string, options?: { signal?: AbortSignal }) => Promise<string | undefined>;
let randomUUID: () => string;

beforeAll(async () => {
  time = VirtualTime.install();
  ({ setTimeout: sleep } = (await import('node:timers/promises')) as unknown as { setTimeout: typeof sleep });
  ({ randomUUID } = await import('node:crypto'));
});
afterAll(() => time.uninstall());
beforeEach(() => time.begin(1));

const never = () => false;

it('hours pass in no time, for every kind of timer, in their order', async () => {
  const seen: string[] = [];
  const note = (what: string) => seen.push(`${what} ${Date.now() - began} ${performance.now()}`);
  const began = Date.now();
  setTimeout(() => note('timeout'), 3_600_000);
  const interval = setInterval(() => note('interval'), 2_000_000);
  void sleep(3_000_000, 'slept').then((value) => note(value as string));
  await time.pass(began + 5_000_000, never);
  clearInterval(interval);
  expect(seen).toEqual([
    'interval 2000000 2000000',
    'slept 3000000 3000000',
    'timeout 3600000 3600000',
    'interval 4000000 4000000',
  ]);
});

it('a sleep ends with its signal', async () => {
  const abort = new AbortController();
  const slept = sleep(1_000, undefined, { signal: abort.signal }).catch((error: Error) => error.name);
  setTimeout(() => abort.abort(), 10);
  await time.pass(Date.now() + 20, never);
  expect(await slept).toBe('AbortError');
});

it('chance is the same from every beginning', () => {
  const draw = () => [Math.random(), Math.random(), randomUUID()];
  time.begin(5);
  const first = draw();
  time.begin(6);
  const other = draw();
  time.begin(5);
  expect(draw()).toEqual(first);
  expect(other).not.toEqual(first);
  expect(first[2]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
});

it('the timers of a process that is stopped wait until it goes on, those of a dead one for ever', async () => {
  const seen: string[] = [];
  const began = Date.now();
  const [stopped, dead] = [new Machine('stopped'), new Machine('dead')];
  for (const machine of [stopped, dead]) {
    time.as(machine, () => {
      const note = (what: string) => seen.push(`${machine.name} ${what} ${Date.now() - began}`);
      setTimeout(() => note('timeout'), 100);
      setInterval(() => note('interval'), 40);
      void sleep(120).then(() => note('slept'));
    });
  }
  setTimeout(() => stopped.pause(), 50);
  setTimeout(() => dead.kill(), 50);
  setTimeout(() => stopped.resume(), 300);
  await time.pass(began + 330, never);
  // An interval that was due six times meanwhile fires once.
  expect(seen).toEqual([
    'stopped interval 40',
    'dead interval 40',
    'stopped interval 300',
    'stopped timeout 301',
    'stopped slept 302',
    'stopped interval 320',
  ]);
});
