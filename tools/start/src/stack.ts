import type { FSWatcher } from 'node:fs';
import { join } from 'node:path';
import { runAppProcess } from './app-process.ts';
import { build, buildOnChange } from './build.ts';
import type { Env } from './commands.ts';
import { EXIT_CONFIG, StartError } from './errors.ts';
import { findRedis, type RedisSource } from './find-redis.ts';
import type { StartOptions } from './options.ts';
import { requireFreePorts } from './ports.ts';
import { deleteKeys, hasKeys } from './redis-keys.ts';
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

interface AppSpec {
  /** What its lines are prefixed with. */
  readonly name: string;
  /** Its folder under apps/. */
  readonly app: string;
  readonly args: readonly string[];
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
    await requireFreePorts(this.ports.map((port, k) => ({ name: `gateway-${k + 1}`, port })));
    this.#say('building');
    if (!(await build(this.#root, (text) => this.#screen.text(text)))) {
      throw new Error('the build failed: see above');
    }
    if (this.#stopping.signal.aborted) return;
    const redisUrl = await this.#provideRedis();
    if (this.#stopping.signal.aborted) return;
    this.#startApps(redisUrl);
    if (this.#options.watch) this.#watch();
    if (await allReady(this.ports, (text) => this.#say(text), this.#stopping.signal)) {
      this.#screen.text(await welcome(this.ports));
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

  async #provideRedis(): Promise<string> {
    const source = await findRedis({ env: this.#env, onProgress: (message) => this.#say(message) });
    this.#say(`Redis: ${source.description}`);
    return source.kind === 'url' ? this.#useTheirs(source.url) : this.#runOwn(source);
  }

  async #useTheirs(url: string): Promise<string> {
    const { signal } = this.#stopping;
    await waitForRedis(url, (message) => this.#say(message), signal);
    if (!signal.aborted) await requireNoEngine(url, signal);
    if (signal.aborted) return url;
    if (this.#options.fresh) {
      this.#say(`deleted ${await deleteKeys(url)} keys of Depthcast`);
    } else if (this.#options.source.kind === 'replay' && (await hasKeys(url))) {
      throw new StartError(
        'CONFIG_INVALID',
        'the Redis of REDIS_URL holds a log already, and a replay would mix recorded time with it: unset REDIS_URL, or ' +
          'delete that log with --fresh',
      );
    }
    return url;
  }

  async #runOwn(source: Exclude<RedisSource, { kind: 'url' }>): Promise<string> {
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
    if (signal.aborted) return first.url;

    let running: typeof first | undefined = first;
    this.#redis = this.#supervise('redis', async () => {
      const redis = running ?? (await runRedis(source, { dir, onLine, signal, port: first.port }));
      if (!running) await recordOwner(dir, redis.port);
      running = undefined;
      return redis;
    });
    this.#redis.start();
    return first.url;
  }

  #startApps(redisUrl: string): void {
    const env = { ...this.#env, ...appEnv(this.#options, redisUrl) };
    const specs: AppSpec[] = [
      { name: 'engine', app: 'engine', args: [] },
      ...this.ports.map((port, k) => ({
        name: `gateway-${k + 1}`,
        app: 'gateway',
        args: ['--addr', `127.0.0.1:${port}`],
      })),
      { name: 'ingest', app: 'ingest', args: [] },
    ];
    for (const spec of specs) {
      const run = () =>
        runAppProcess({
          cwd: this.#root,
          main: join(this.#root, 'apps', spec.app, 'dist', 'main.js'),
          args: spec.args,
          env,
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
      ...watchBuilds(this.#root, ['engine', 'ingest', 'gateway'], (app) => {
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
