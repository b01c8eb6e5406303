import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { reaper } from './reaper.ts';
import { until, within } from './until.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const LISTEN_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 15_000;
const LINES_KEPT_MAX = 10_000;

/** One line that an app has written; `msg` alone when it was no JSON. */
export interface AppLine {
  readonly level?: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

export interface SpawnAppOptions {
  /** Its whole environment beside PATH and HOME: nothing leaks in from the tests' own. */
  readonly env?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** Another folder than the repository whose `apps/<name>/dist/main.js` it is: another build. */
  readonly root?: string;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A built app (`apps/<name>/dist/main.js`) as a process of its own. It dies with the test process. */
export function spawnApp(name: string, options: SpawnAppOptions = {}): App {
  const main = join(options.root ?? ROOT, 'apps', name, 'dist', 'main.js');
  if (!existsSync(main)) throw new Error(`${main} is not there: build first (npm run build)`);
  return new App(name, [main, ...(options.args ?? [])], options.env ?? {});
}

export class App {
  readonly name: string;
  readonly pid: number;
  readonly exit: Promise<Exit>;
  /** What it wrote, at most the last 10,000 lines. */
  readonly lines: AppLine[] = [];
  readonly #child: ChildProcess;
  #exited: Exit | undefined;

  /** @param args of Node: the program and its own arguments. */
  constructor(name: string, args: readonly string[], env: Readonly<Record<string, string>>) {
    this.name = name;
    const { PATH = '', HOME = '' } = process.env;
    this.#child = spawn(process.execPath, args, {
      cwd: ROOT,
      env: { PATH, HOME, ...env, STOP_ON_STDIN_END: 'true' },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#child.stdin?.on('error', () => {});
    this.pid = this.#child.pid ?? 0;
    reaper.add('pid', this.pid);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', (line) => this.#keep(line));
    }
    this.exit = new Promise((resolve) => {
      this.#child.once('exit', () => reaper.drop('pid', this.pid));
      // Not 'exit': its last lines come after that.
      this.#child.once('close', (code, signal) => {
        this.#exited = { code, signal };
        resolve(this.#exited);
      });
      this.#child.once('error', (error) => this.#keep(error.message));
    });
  }

  get running(): boolean {
    return this.#exited === undefined;
  }

  /** The real `host:port` that it listens on, once it does. */
  async listening(timeoutMs = LISTEN_TIMEOUT_MS): Promise<string> {
    return String((await this.line((line) => line.msg === 'listening', timeoutMs)).addr);
  }

  /** `http://host:port`, once it listens. */
  async url(timeoutMs = LISTEN_TIMEOUT_MS): Promise<string> {
    return `http://${await this.listening(timeoutMs)}`;
  }

  /** Resolves when GET /ready answers 200; to the app's URL. */
  async ready(timeoutMs = LISTEN_TIMEOUT_MS): Promise<string> {
    const url = await this.url(timeoutMs);
    await until(async () => (await fetch(`${url}/ready`)).ok, timeoutMs, `/ready of ${this.name}`);
    return url;
  }

  /**
   * The first line, of those written or to come, that matches.
   *
   * @throws Error after `timeoutMs` or when the app has ended without it, with its last lines.
   */
  async line(matches: (line: AppLine) => boolean, timeoutMs = LISTEN_TIMEOUT_MS): Promise<AppLine> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const found = this.lines.find(matches);
      if (found) return found;
      if (!this.running) throw new Error(`${this.name} ended with ${JSON.stringify(this.#exited)}:\n${this.tail()}`);
      if (Date.now() > deadline) throw new Error(`${this.name} did not say it in ${timeoutMs} ms:\n${this.tail()}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Its last lines, for messages. */
  tail(count = 15): string {
    return this.lines
      .slice(-count)
      .map((line) => `  ${JSON.stringify(line)}`)
      .join('\n');
  }

  /** SIGKILL unless told otherwise; resolves when it is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Exit> {
    if (this.running) this.#child.kill(signal);
    return within(this.exit, STOP_TIMEOUT_MS, `the end of ${this.name} after ${signal}`);
  }

  /** SIGTERM, and SIGKILL when that does not help. */
  async stop(): Promise<Exit> {
    return this.kill('SIGTERM').catch(() => this.kill());
  }

  /** SIGSTOP: alive, holding its connections, doing nothing. */
  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  #keep(text: string): void {
    let line: AppLine = { msg: text };
    if (text.startsWith('{')) {
      try {
        line = JSON.parse(text) as AppLine;
      } catch {
        // Then it is plain text.
      }
    }
    this.lines.push(line);
    if (this.lines.length > LINES_KEPT_MAX) this.lines.shift();
  }
}
