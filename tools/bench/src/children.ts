import { type ChildProcess, fork, spawn } from 'node:child_process';
import { get as getPlain } from 'node:http';
import { get as getSecure } from 'node:https';
import { extname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { SkipBench } from './harness.ts';
import { appMain, REPO } from './places.ts';

const LINES_KEPT_MAX = 20;
const READY_MS_MAX = 20_000;
const READY_POLL_MS = 50;
const READY_ANSWER_MS_MAX = 1_000;
const REPLY_MS_MAX = 30_000;

export interface AppProcess {
  readonly pid: number;
}

export interface ProcessGroup {
  /** Of the program itself; 0 when it could not be started. */
  readonly pid: number;
  /** What it printed last. */
  readonly lines: readonly string[];
  kill(): void;
}

/** A script of ours in a process of its own, asked one thing at a time. */
export interface Script {
  readonly pid: number;
  request<T>(ask: object): Promise<T>;
}

/** The processes of one bench. Killed by their pids, whichever way the bench ends. */
export class Children {
  /** And how each is killed. */
  readonly #running = new Map<ChildProcess, () => void>();
  readonly #killAll = () => {
    for (const kill of this.#running.values()) kill();
  };

  constructor() {
    process.once('exit', this.#killAll);
  }

  /**
   * Starts a built app and waits until `readyUrl` answers 200.
   *
   * @throws SkipBench when the app has not been built.
   */
  async app(
    name: string,
    options: { args?: string[]; env: Record<string, string>; readyUrl: string },
  ): Promise<AppProcess> {
    const main = appMain(name);
    if (!main) throw new SkipBench(`apps/${name} is not built`);
    const child = spawn(process.execPath, [main, ...(options.args ?? [])], {
      cwd: REPO,
      // Its stdin ends with us, however that happens, and it goes too.
      env: { ...process.env, ...options.env, STOP_ON_STDIN_END: 'true', LOG_LEVEL: 'warn' },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const lines = this.#adopt(child);
    const deadline = Date.now() + READY_MS_MAX;
    while (!(await isReady(options.readyUrl))) {
      if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) {
        throw new Error(`${name} is not ready at ${options.readyUrl}:\n${lines.join('\n')}`);
      }
      await sleep(READY_POLL_MS);
    }
    return { pid: child.pid as number };
  }

  /** Starts `<directory of url>/<name>`, without extension: sources and builds both work. */
  script(name: string, url: string): Script {
    const child = fork(fileURLToPath(new URL(`${name}${extname(url)}`, url)), {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const lines = this.#adopt(child);
    return {
      pid: child.pid as number,
      request: <T>(ask: object) =>
        new Promise<T>((resolve, reject) => {
          const settle = () => {
            clearTimeout(timer);
            child.removeListener('message', onMessage);
            child.removeListener('exit', onExit);
          };
          const onMessage = (message: unknown) => {
            settle();
            const { error, reply } = message as { error?: string; reply?: T };
            if (error === undefined) resolve(reply as T);
            else reject(new Error(`${name}: ${error}`));
          };
          const onExit = () => {
            settle();
            reject(new Error(`${name} ended:\n${lines.join('\n')}`));
          };
          const timer = setTimeout(() => {
            settle();
            reject(new Error(`${name} did not answer ${JSON.stringify(ask)}`));
          }, REPLY_MS_MAX);
          child.once('message', onMessage);
          child.once('exit', onExit);
          child.send(ask);
        }),
    };
  }

  /** Starts a program that starts others: all of them are of one group, and killed together. */
  group(command: string, args: readonly string[], env: Record<string, string> = {}): ProcessGroup {
    const child = spawn(command, args, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const { pid } = child;
    const kill = () => {
      if (pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-pid, 'SIGKILL');
    };
    return { pid: pid ?? 0, lines: this.#adopt(child, kill), kill };
  }

  /** Kills what is left and waits for its end. */
  async stop(): Promise<void> {
    const ends = [...this.#running.keys()].map((child) => new Promise((resolve) => child.once('exit', resolve)));
    this.#killAll();
    await Promise.all(ends);
    process.removeListener('exit', this.#killAll);
  }

  /** @returns its last lines, for the error that may follow. */
  #adopt(child: ChildProcess, kill: () => void = () => child.kill('SIGKILL')): string[] {
    const lines: string[] = [];
    this.#running.set(child, kill);
    const forget = () => this.#running.delete(child);
    child.once('exit', forget);
    child.once('error', (error) => {
      lines.push(error.message);
      if (child.pid === undefined) forget();
    });
    child.stdin?.on('error', () => {});
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        lines.push(text.trimEnd());
        if (lines.length > LINES_KEPT_MAX) lines.shift();
      });
    }
    return lines;
  }
}

/** A server's certificate may be one that this bench has made itself. */
function isReady(url: string): Promise<boolean> {
  const get = url.startsWith('https:') ? getSecure : getPlain;
  return new Promise((resolve) => {
    const request = get(url, { rejectUnauthorized: false, timeout: READY_ANSWER_MS_MAX, agent: false }, (response) => {
      response.resume();
      response.once('close', () => resolve(response.complete && response.statusCode === 200));
    });
    request.once('timeout', () => request.destroy());
    request.once('error', () => resolve(false));
  });
}
