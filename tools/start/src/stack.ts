import type { FSWatcher } from 'node:fs';
import { join } from 'node:path';
import { runAppProcess } from './app-process.ts';
import { build, buildOnChange } from './build.ts';
import type { Env } from './commands.ts';
import { EXIT_CONFIG, StartError } from './errors.ts';
import { findRedis, type RedisSource } from './find-redis.ts';
import { gatewayPlace } from './gateway-place.ts';
import { deleteFile, folderForTheirs, journalEnv, runsJournal } from './journal-place.ts';
import type { StartOptions } from './options.ts';
import { partitionsOf } from './partitions.ts';
import { freePort, isFree, PORT_MAX, requireFreePorts } from './ports.ts';
import { deleteKeys, hasKeys, releaseLogs, requirePartitions, watermarks } from './redis-keys.ts';
import { requireRedisUrl } from './redis-url.ts';
import { type RunningRedis, runRedis } from './run-redis.ts';
import type { Screen } from './screen.ts';
import { claimState, forgetOwner, recordOwner } from './state.ts';
import { noteSource } from './state-source.ts';
import { Supervised, type Verdict } from './supervised.ts';
import { requireNoEngine, waitForRedis } from './their-redis.ts';
import { watchBuilds } from './watch-builds.ts';
import { allReady, welcome } from './welcome.ts';

const APP_GRACE_MS = 10_000;
/** Below APP_GRACE_MS, so that an app which hangs can still say so itself. */
const APP_SHUTDOWN_MS = 8_000;
const REDIS_GRACE_MS = 20_000;
/** Without its database a journal is not ready; all but the history works, so nobody waits longer for that. */
const JOURNAL_WAIT_MS = 10_000;
/** From the first gateway's port to the journal's: 8090 by default, where `npm run verify` and `export` look for it. */
const JOURNAL_PORT_OFFSET = 9;

interface AppSpec {
  /** What its lines are prefixed with. */
  readonly name: string;
  /** Its folder under apps/. */
  readonly app: string;
  readonly args: readonly string[];
  /** Over that which all apps are given. */
  readonly env?: Readonly<Record<string, string>>;
}

/** What the apps meet in. */
interface State {
  readonly redisUrl: string;
  /** Where the journal keeps its file. */
  readonly journalFolder: string;
}

/** Everything one `npm start` runs: a Redis of its own unless there is one, and the apps. */
export class Stack {
  readonly #root: string;
  readonly #options: StartOptions;
  readonly #env: Env;
  readonly #screen: Screen;
  readonly #onEnd: (code: number) => void;
  readonly #stopping = new AbortController();
  readonly #apps = new Map<AppSpec, Supervised>();
  readonly #watchers: FSWatcher[] = [];
  #redis: Supervised | undefined;
  #comingUp: Promise<RunningRedis> | undefined;
  #compiler: Supervised | undefined;
  #stateDir: string | undefined;

  /** @param onEnd an app says that it can never run: everything is to stop, with this exit code. */
  constructor(root: string, options: StartOptions, env: Env, screen: Screen, onEnd: (code: number) => void) {
    this.#root = root;
    this.#options = options;
    this.#env = env;
    this.#screen = screen;
    this.#onEnd = onEnd;
  }

  get ports(): number[] {
    return Array.from({ length: this.#options.gateways }, (_, k) => this.#options.port + k);
  }

  /**
   * Resolves once all gateways are ready, or when it is stopped meanwhile.
   *
   * @throws StartError when something is in the way; `stop` cleans up.
   */
  async start(): Promise<void> {
    if (this.#env.REDIS_URL) requireRedisUrl(this.#env.REDIS_URL);
    const partitions = partitionsOf(this.#env);
    const journal = runsJournal(this.#env);
    await requireFreePorts(this.ports.map((port, k) => ({ name: `gateway-${k + 1}`, port })));
    this.#say('building');
    if (!(await build(this.#root, (text) => this.#screen.text(text)))) {
      throw new Error('the build failed: see above');
    }
    if (this.#stopping.signal.aborted) return;
    const state = await this.#provideRedis(partitions);
    if (this.#stopping.signal.aborted) return;
    await requirePartitions(state.redisUrl, partitions);
    const journalPort = journal ? await this.#journalPort() : undefined;
    if (!journal) await this.#withoutJournal(state, partitions);
    this.#startApps(state, journalPort);
    if (this.#options.watch) this.#watch();
    const say = (text: string) => this.#say(text);
    const place = gatewayPlace(this.#env);
    if (!(await allReady(this.ports.map(place.originOf), say, this.#stopping.signal))) return;
    const patience = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(JOURNAL_WAIT_MS)]);
    const history = journalPort !== undefined && (await allReady([`http://127.0.0.1:${journalPort}`], say, patience));
    if (!this.#stopping.signal.aborted) {
      this.#screen.text(await welcome(place, this.ports, history ? journalPort : undefined));
    }
  }

  /** Stops what it started: the apps first, its Redis last. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const watcher of this.#watchers) watcher.close();
    await Promise.all([this.#compiler, ...this.#apps.values()].map((process) => process?.stop(APP_GRACE_MS)));
    // It may be between two lines of #runOwn.
    const redis = await this.#comingUp?.catch(() => undefined);
    await this.#redis?.stop(REDIS_GRACE_MS);
    redis?.kill();
    await redis?.exited;
    if (this.#stateDir) forgetOwner(this.#stateDir);
  }

  /** At once, whatever is lost. */
  kill(): void {
    for (const process of [this.#compiler, ...this.#apps.values(), this.#redis]) process?.kill();
  }

  #say(message: string): void {
    this.#screen.say('start', message);
  }

  /** Nobody has to know it; so another than the usual one is as good. */
  async #journalPort(): Promise<number> {
    const usual = this.#options.port + JOURNAL_PORT_OFFSET;
    const taken = usual > PORT_MAX || this.ports.includes(usual) || !(await isFree(usual));
    return taken ? freePort() : usual;
  }

  async #provideRedis(partitions: number): Promise<State> {
    const source = await findRedis({ env: this.#env, onProgress: (message) => this.#say(message) });
    this.#say(`Redis: ${source.description}`);
    return source.kind === 'url' ? this.#useTheirs(source.url, partitions) : this.#runOwn(source);
  }

  async #useTheirs(url: string, partitions: number): Promise<State> {
    const { signal } = this.#stopping;
    const replay = this.#options.source.kind === 'replay';
    const state = { redisUrl: url, journalFolder: folderForTheirs(this.#root, url, replay) };
    await waitForRedis(url, (message) => this.#say(message), signal);
    if (!signal.aborted) await requireNoEngine(url, signal, partitions);
    if (signal.aborted) return state;
    if (this.#options.fresh) {
      this.#say(`deleted ${await deleteKeys(url)} keys of Depthcast`);
    } else if (replay && (await hasKeys(url))) {
      throw new StartError(
        'CONFIG_INVALID',
        'the Redis of REDIS_URL holds a log already, and a replay would mix recorded time with it: unset REDIS_URL, or ' +
          'delete that log with --fresh',
      );
    }
    if (this.#options.fresh || replay) deleteFile(state.journalFolder);
    return state;
  }

  /** A journal that ran here before holds the log until it comes back, which it does not: memory would fill up. */
  async #withoutJournal({ redisUrl }: State, partitions: number): Promise<void> {
    if (this.#redis) return releaseLogs(redisUrl, partitions);
    const held = this.#env.JOURNAL_HTTP_URL ? [] : await watermarks(redisUrl, partitions);
    if (held.length === 0) return;
    this.#say(`a journal has stored this log, and none runs here: if that is for good, DEL ${held.join(' ')}`);
  }

  async #runOwn(source: Exclude<RedisSource, { kind: 'url' }>): Promise<State> {
    const replay = this.#options.source.kind === 'replay';
    // Recorded and live time must never meet in one log: a replay has a state of its own, empty each time.
    const dir = join(this.#root, '.depthcast', replay ? 'replay' : 'redis');
    await claimState(dir, this.#options.fresh || replay);
    this.#stateDir = dir;
    // Its greeting and its farewell are of use to nobody; when it fails to come up, the error quotes it.
    let up = false;
    const onLine = (line: string): void => {
      if (up && !this.#stopping.signal.aborted) this.#screen.line('redis', line);
    };
    const { signal } = this.#stopping;
    this.#comingUp = runRedis(source, { dir, onLine, signal });
    const first = await this.#comingUp;
    up = true;
    await recordOwner(dir, first.port);
    const mixed = noteSource(dir, this.#options);
    if (mixed) this.#say(mixed);
    const state = { redisUrl: first.url, journalFolder: dir };
    if (signal.aborted) return state;

    let running: typeof first | undefined = first;
    this.#redis = this.#supervise('redis', async () => {
      const redis = running ?? (await runRedis(source, { dir, onLine, signal, port: first.port }));
      if (!running) await recordOwner(dir, redis.port);
      running = undefined;
      return redis;
    });
    this.#redis.start();
    return state;
  }

  #startApps({ redisUrl, journalFolder }: State, journalPort: number | undefined): void {
    const address = `127.0.0.1:${journalPort}`;
    const journal = {
      name: 'journal',
      app: 'journal',
      args: ['--addr', address],
      env: journalEnv(journalFolder, this.#env),
    };
    const known = journalPort === undefined ? {} : { JOURNAL_HTTP_URL: `http://${address}` };
    const env = { ...this.#env, ...appEnv(this.#options, redisUrl), ...known };
    const { host } = gatewayPlace(this.#env);
    const specs: AppSpec[] = [
      { name: 'engine', app: 'engine', args: [] },
      ...(journalPort === undefined ? [] : [journal]),
      ...this.ports.map((port, k) => ({
        name: `gateway-${k + 1}`,
        app: 'gateway',
        args: ['--addr', `${host}:${port}`],
      })),
      { name: 'ingest', app: 'ingest', args: [] },
    ];
    for (const spec of specs) {
      const run = () =>
        runAppProcess({
          cwd: this.#root,
          main: join(this.#root, 'apps', spec.app, 'dist', 'main.js'),
          args: spec.args,
          env: { ...env, ...spec.env },
          onLine: (line) => this.#screen.line(spec.name, line),
        });
      const process = this.#supervise(spec.name, run, (code) => judgeApp(spec.app, code, this.#options));
      this.#apps.set(spec, process);
      process.start();
    }
  }

  #watch(): void {
    const compiler = () => buildOnChange(this.#root, (text) => this.#screen.line('tsc', text));
    this.#compiler = this.#supervise('tsc', compiler);
    this.#compiler.start();
    this.#watchers.push(
      ...watchBuilds(this.#root, ['engine', 'ingest', 'gateway', 'journal'], (app) => {
        for (const [spec, process] of this.#apps) if (spec.app === app) process.restart();
      }),
    );
  }

  #supervise(
    name: string,
    run: ConstructorParameters<typeof Supervised>[0]['run'],
    judge: (code: number | null) => Verdict = () => 'restart',
  ): Supervised {
    return new Supervised({ run, judge, say: (message) => this.#screen.say(name, message), onEnd: this.#onEnd });
  }
}

function appEnv(options: StartOptions, redisUrl: string): Record<string, string> {
  return {
    REDIS_URL: redisUrl,
    SOURCE: options.source.kind,
    ...(options.symbols ? { SYMBOLS: options.symbols.join(',') } : {}),
    ...(options.source.kind === 'replay'
      ? { REPLAY_FILE: options.source.file, REPLAY_SPEED: String(options.speed) }
      : {}),
    // Only gateways have ports that a user has to know.
    OPS_ADDR: '127.0.0.1:0',
    SHUTDOWN_MS: String(APP_SHUTDOWN_MS),
  };
}

/** A bad setting will be as bad after a restart; a replay that has come to its end is no crash. */
function judgeApp(app: string, code: number | null, options: StartOptions): Verdict {
  if (code === EXIT_CONFIG) return 'end';
  return code === 0 && app === 'ingest' && options.source.kind === 'replay' ? 'leave' : 'restart';
}
