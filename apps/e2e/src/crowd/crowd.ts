import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { within } from '@depthcast/testing';
import type { CrowdAsk, CrowdReport, Reading } from './worker.ts';

interface Answer {
  readonly n: number;
  readonly reply?: unknown;
  readonly error?: string;
}

const ANSWER_MS_MAX = 120_000;

/** Any number of clients of an event stream, in a process of their own, which ends with this one. */
export class Crowds {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #asked = 0;

  constructor() {
    this.#child = fork(fileURLToPath(new URL('./worker.ts', import.meta.url)), { execArgv: [] });
    this.#child.on('message', (answer: Answer) => {
      this.#waiting.get(answer.n)?.(answer);
      this.#waiting.delete(answer.n);
    });
  }

  /** Resolves when all of them have been answered. */
  async open(crowd: string, ask: Omit<Extract<CrowdAsk, { kind: 'connect' }>, 'kind' | 'crowd'>): Promise<void> {
    await this.#ask({ kind: 'connect', crowd, ...ask });
  }

  async read(crowd: string, reading: Reading): Promise<void> {
    await this.#ask({ kind: 'read', crowd, reading });
  }

  async report(crowd: string): Promise<CrowdReport> {
    return (await this.#ask({ kind: 'report', crowd })) as CrowdReport;
  }

  async leave(crowd: string): Promise<void> {
    await this.#ask({ kind: 'leave', crowd });
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }

  async #ask(ask: CrowdAsk): Promise<unknown> {
    const n = ++this.#asked;
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(n, resolve));
    this.#child.send({ n, ask });
    const { reply, error } = await within(answered, ANSWER_MS_MAX, `the answer to ${ask.kind}`);
    if (error !== undefined) throw new Error(error);
    return reply;
  }
}
