import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from '@jest/globals';
import type { JournalStore } from '../stores/journal-store.ts';
import { BBO_KEPT, childRow, EPOCH } from './store-child.ts';

const PROGRAM = fileURLToPath(new URL('./store-child.ts', import.meta.url));
const BEYOND_MS_MAX = 30_000;
const FLAGS = ['--conditions=@depthcast/source', '--disable-warning=ExperimentalWarning'];

/** The process of store-child.ts, with what it has said. */
export class ChildStore {
  readonly lines: string[] = [];
  readonly process: ChildProcess;

  constructor(place: string, mode: 'for-ever' | 'hold' = 'for-ever', shell?: string) {
    const command = [process.execPath, ...FLAGS, PROGRAM, place, mode];
    const [program = '', ...args] =
      shell === undefined ? command : ['sh', '-c', `${shell}; exec "$@"`, 'sh', ...command];
    this.process = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    createInterface({ input: this.process.stdout as NodeJS.ReadableStream }).on('line', (line) =>
      this.lines.push(line),
    );
  }

  /** The last offset that it was told is stored. */
  get acknowledged(): number {
    return Number(this.lines.findLast((line) => line.startsWith('at '))?.slice(3) ?? -1);
  }

  async beyond(offset: number): Promise<void> {
    for (const deadline = Date.now() + BEYOND_MS_MAX; this.acknowledged <= offset; await sleep(10)) {
      if (Date.now() > deadline) throw new Error(`no commit beyond ${offset}, but ${this.lines.at(-1)}`);
    }
  }

  async kill(): Promise<void> {
    const exited = once(this.process, 'exit');
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill('SIGKILL');
    await exited;
  }
}

/** What the child was told is stored, everything before it, and nothing twice or half. */
export async function expectWholeHistory(store: JournalStore, acknowledged: number): Promise<number> {
  const position = await store.position(0);
  const end = position?.cursor.offset ?? -1;
  expect(end).toBeGreaterThanOrEqual(acknowledged);
  let trade = 1;
  let bbo: number | undefined;
  let count = 0;
  for await (const page of store.events({}, 10_000)) {
    for (const { offset, payload, tsUs } of page) {
      const wanted = childRow(offset);
      if (payload !== wanted.payload || tsUs !== wanted.tsUs) throw new Error(`${offset} is ${payload} at ${tsUs}`);
      // Retention takes the oldest BBO; trades are all there.
      if (offset % 2 === 1 && offset !== trade) throw new Error(`${offset} where ${trade} should be`);
      if (offset % 2 === 0 && bbo !== undefined && offset !== bbo + 2) throw new Error(`${offset} follows ${bbo}`);
      if (offset % 2 === 1) trade = offset + 2;
      else bbo = offset;
      count++;
    }
  }
  expect(Math.max(trade - 2, bbo ?? -1)).toBe(end);
  const [summary] = await store.partitions();
  expect(summary).toMatchObject({ events: count, dropped: { events: end + 1 - count } });
  expect(count).toBeGreaterThanOrEqual(Math.min(end + 1, Math.ceil((end + 1) / 2) + BBO_KEPT));
  expect((await store.symbols())[0]?.events).toBe(count);
  expect(await store.epochs(0)).toHaveLength(1);
  expect(summary?.position.cursor.epoch).toBe(EPOCH);
  return end;
}

/** Kills it again and again, at no particular moment; each time everything must be whole. */
export async function survivesKills(place: string, kills: number, open: () => Promise<JournalStore>): Promise<void> {
  let end = -1;
  for (let round = 0; round < kills; round++) {
    const child = new ChildStore(place);
    try {
      await child.beyond(end + 700 * (1 + (round % 3) * 4));
      await sleep((round * 37) % 90);
    } finally {
      await child.kill();
    }
    const store = await open();
    try {
      end = await expectWholeHistory(store, child.acknowledged);
    } finally {
      await store.close();
    }
  }
}
