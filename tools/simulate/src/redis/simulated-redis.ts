import { createHash } from 'node:crypto';
import type { Host } from './command.ts';
import { commandOf, runCommand } from './commands.ts';
import { Keyspace } from './keyspace.ts';
import { type Reply, ReplyError } from './reply.ts';
import { parseRead, readStream, type StreamRead } from './stream-commands.ts';
import { twinOf } from './twins.ts';

export interface SimulatedRedisOptions {
  /** Of this process alone, as INFO tells it. */
  readonly runId: string;
  /** What it begins with; empty by default. */
  readonly keyspace?: Keyspace;
  /** How far its clock is off. */
  readonly clockSkewMs?: number;
  /** 0: no bound. */
  readonly maxMemoryBytes?: number;
  readonly without?: Omissions;
  /** A script has been carried out, and not refused. */
  readonly onScript?: ((name: string) => void) | undefined;
}

/** Checks of scripts that are not made, `<script>/<check>`: to show that each is needed. */
export interface Omissions {
  has(check: string): boolean;
}

/** Beside what the keys hold. */
const BASE_MEMORY_BYTES = 1_000_000;

export type Answer = (reply: Reply | ReplyError) => void;

/** One read that waits for entries; whatever its connection sent after it waits too. */
interface Waiting {
  readonly read: StreamRead;
  readonly answer: Answer;
  readonly timer: NodeJS.Timeout | undefined;
}

/**
 * One Redis process: keys, scripts it has been sent, connections, and a clock that may be off. It carries out one
 * command at a time, at once; the network around it is somebody else's.
 */
export class SimulatedRedis implements Host {
  readonly runId: string;
  readonly keyspace: Keyspace;
  readonly without: Omissions;
  clockSkewMs: number;
  maxMemoryBytes: number;
  /** Still reading its files: every command is refused. */
  isLoading = false;
  readonly #onScript: ((name: string) => void) | undefined;
  readonly #scripts = new Set<string>();
  readonly #waiting = new Set<ServerConnection>();
  readonly #connections = new Set<ServerConnection>();

  constructor(options: SimulatedRedisOptions) {
    this.runId = options.runId;
    this.keyspace = options.keyspace ?? new Keyspace();
    this.clockSkewMs = options.clockSkewMs ?? 0;
    this.maxMemoryBytes = options.maxMemoryBytes ?? 0;
    this.without = options.without ?? new Set();
    this.#onScript = options.onScript;
  }

  get clockMs(): number {
    return Date.now() + this.clockSkewMs;
  }

  get usedMemoryBytes(): number {
    return BASE_MEMORY_BYTES + this.keyspace.bytes;
  }

  connect(): ServerConnection {
    const connection = new ServerConnection(this, this.#waiting);
    this.#connections.add(connection);
    return connection;
  }

  drop(connection: ServerConnection): void {
    this.#connections.delete(connection);
    this.#waiting.delete(connection);
  }

  /** Its end: every connection closes. */
  kill(): void {
    for (const connection of [...this.#connections]) connection.closeByServer();
  }

  /** A key is gone, by nobody's command: whatever it says was safe to lose. */
  forget(key: string): void {
    this.keyspace.begin(Date.now());
    this.keyspace.delete(key);
  }

  /** One command, or one script, as a whole. @throws ReplyError */
  execute(command: readonly string[]): Reply {
    if (this.isLoading) throw new ReplyError('LOADING Redis is loading the dataset in memory');
    this.keyspace.begin(Date.now());
    const name = command[0]?.toLowerCase();
    const reply = name === 'eval' || name === 'evalsha' ? this.#script(command) : this.#command(command);
    for (const connection of this.#waiting) connection.wake();
    return reply;
  }

  #command(command: readonly string[]): Reply {
    if (commandOf(command).grows) this.#assertMemory();
    return runCommand(this, command);
  }

  #script([name = '', script = '', keyCount = '', ...rest]: readonly string[]): Reply {
    const sha = name.toLowerCase() === 'eval' ? digest(script) : script;
    if (name.toLowerCase() === 'eval') this.#scripts.add(sha);
    else if (!this.#scripts.has(sha)) throw new ReplyError('NOSCRIPT No matching script. Please use EVAL.');
    const { name: twinName, run, allowsOom } = twinOf(sha);
    let hasWritten = false;
    const call = (...words: readonly (string | number)[]): Reply => {
      const command = words.map(String);
      // Once a script has written it is let finish, or it would leave a half.
      if (hasWritten || allowsOom) return runCommand(this, command);
      const { grows } = commandOf(command);
      if (grows) this.#assertMemory();
      const reply = runCommand(this, command);
      hasWritten = this.keyspace.touched.size > 0;
      return reply;
    };
    const reply = run({
      call,
      keys: rest.slice(0, Number(keyCount)),
      args: rest.slice(Number(keyCount)),
      runId: this.runId,
      checks: (check) => !this.without.has(`${twinName}/${check}`),
    });
    const isRefused = Array.isArray(reply) && /^(FENCED|REFUSED|REPLACED|FULL)$/.test(String(reply[0]));
    if (!isRefused) this.#onScript?.(twinName);
    return reply;
  }

  #assertMemory(): void {
    if (this.maxMemoryBytes > 0 && this.usedMemoryBytes > this.maxMemoryBytes) {
      throw new ReplyError("OOM command not allowed when used memory > 'maxmemory'.");
    }
  }
}

const digests = new Map<string, string>();

function digest(lua: string): string {
  const known = digests.get(lua) ?? createHash('sha1').update(lua).digest('hex');
  digests.set(lua, known);
  return known;
}

/** The server's end of a connection: commands in order, and none while a read is waiting. */
export class ServerConnection {
  readonly #server: SimulatedRedis;
  readonly #waitingOnes: Set<ServerConnection>;
  #queue: { readonly command: readonly string[]; readonly answer: Answer }[] = [];
  #waiting: Waiting | undefined;
  #closed = false;
  /** The process has ended. */
  onClosed: (() => void) | undefined;

  constructor(server: SimulatedRedis, waitingOnes: Set<ServerConnection>) {
    this.#server = server;
    this.#waitingOnes = waitingOnes;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  submit(command: readonly string[], answer: Answer): void {
    if (this.#closed) return;
    this.#queue.push({ command, answer });
    this.#work();
  }

  /** The client's end has closed. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#waiting?.timer);
    this.#waiting = undefined;
    this.#queue = [];
    this.#server.drop(this);
  }

  closeByServer(): void {
    this.close();
    this.onClosed?.();
  }

  /** A key has changed. */
  wake(): void {
    const { read, answer, timer } = this.#waiting ?? {};
    if (!read || !answer || !this.#server.keyspace.touched.has(read.key)) return;
    const reply = readStream(this.#server, read);
    if (reply === null) return;
    clearTimeout(timer);
    this.#resume(answer, reply);
  }

  #work(): void {
    while (!this.#waiting && !this.#closed) {
      const next = this.#queue.shift();
      if (!next) return;
      const { command, answer } = next;
      try {
        if (command[0]?.toLowerCase() === 'xread') this.#read(parseRead(this.#server, command.slice(1)), answer);
        else answer(this.#server.execute(command));
      } catch (error) {
        if (!(error instanceof ReplyError)) throw error;
        answer(error);
      }
    }
  }

  #read(read: StreamRead, answer: Answer): void {
    if (this.#server.isLoading) throw new ReplyError('LOADING Redis is loading the dataset in memory');
    const reply = readStream(this.#server, read);
    if (reply !== null || read.blockMs === undefined) answer(reply);
    else {
      const timer = read.blockMs === 0 ? undefined : setTimeout(() => this.#resume(answer, null), read.blockMs);
      this.#waiting = { read, answer, timer };
      this.#waitingOnes.add(this);
    }
  }

  #resume(answer: Answer, reply: Reply): void {
    this.#waiting = undefined;
    this.#waitingOnes.delete(this);
    answer(reply);
    this.#work();
  }
}
