import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Env, findOnPath, output } from './commands.ts';

/** A server of the distribution's, as its packages make it. */
export interface PackagedServer {
  /** For people, and the cache folder's name. */
  readonly name: string;
  /** What is downloaded first. @param dependenciesOf the names that packages depend on directly. */
  packages(dependenciesOf: (names: readonly string[]) => Promise<string[]>): Promise<readonly string[]>;
  /** Its programs in an unpacked tree, whose libraries must all be found; none where it is not there. */
  programsIn(root: string): readonly string[];
  /** Whether a dependency may hold one of those libraries. */
  isLibrary(name: string): boolean;
  /** In the paths of modules that are its own and no libraries. */
  readonly ownModules: string;
}

export interface Unpacked {
  /** The tree's root. */
  readonly home: string;
  /** For LD_LIBRARY_PATH; empty when the system had every library. */
  readonly libraryPath: string;
}

export interface UnpackOptions {
  /** Under which `<server>/<release>` is kept. */
  readonly cache: string;
  readonly env: Env;
  readonly onProgress?: (message: string) => void;
}

const APT_TIMEOUT_MS = 180_000;
const QUERY_TIMEOUT_MS = 30_000;
/** How far down the tree of dependencies a missing library is looked for. */
const DEPTH_MAX = 4;
const TOOLS = ['apt-get', 'apt-cache', 'dpkg', 'dpkg-query', 'ldd'];

/**
 * A server from the packages of Debian or Ubuntu, without root and without installing anything: downloaded, unpacked
 * into a cache folder, kept for the next time.
 *
 * @throws Error saying what failed.
 */
export async function unpackPackages(server: PackagedServer, options: UnpackOptions): Promise<Unpacked> {
  const { env, onProgress } = options;
  for (const tool of TOOLS) {
    if (!findOnPath([tool], env)) throw new Error(`no ${tool} here`);
  }
  const cache = join(options.cache, server.name);
  const home = join(cache, await release(env));
  if (server.programsIn(home).length === 0) {
    onProgress?.(`unpacking ${server.name} from this system's packages into ${home}`);
    mkdirSync(cache, { recursive: true });
    const temporary = mkdtempSync(join(cache, '.unpack-'));
    try {
      await fill(server, temporary, cache, env);
      publish(server, join(temporary, 'root'), home);
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
  }
  return { home, libraryPath: libraryPathIn(server, home) };
}

/** The folder's name: libraries of one release do not serve another. */
async function release(env: Env): Promise<string> {
  const field = (name: string, text: string) => new RegExp(`^${name}="?([^"\n]*)"?$`, 'm').exec(text)?.[1] ?? '';
  const text = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const arch = (await output('dpkg', ['--print-architecture'], { env, timeoutMs: QUERY_TIMEOUT_MS })).trim();
  return `${field('ID', text) || 'linux'}-${field('VERSION_ID', text) || 'rolling'}-${arch}`;
}

/** One rename, so that of several processes doing the same each sees a whole folder or none. */
function publish(server: PackagedServer, root: string, home: string): void {
  try {
    renameSync(root, home);
  } catch (error) {
    if (server.programsIn(home).length === 0) throw error;
  }
}

async function fill(server: PackagedServer, temporary: string, cache: string, env: Env): Promise<void> {
  try {
    await downloadAll(server, temporary, [], env);
  } catch {
    // No package lists, as in most container images, or lists so old that what they name is gone: fetch fresh ones
    // into folders of our own, which takes no root and leaves the system's alone.
    const apt = join(cache, 'apt');
    mkdirSync(join(apt, 'lists', 'partial'), { recursive: true });
    mkdirSync(join(apt, 'archives', 'partial'), { recursive: true });
    const own = ['-o', `Dir::State::lists=${join(apt, 'lists')}`, '-o', `Dir::Cache=${apt}`];
    // One unreachable source of many fails an update: whether it mattered, the download says.
    const update = await output('apt-get', [...own, 'update'], { env, timeoutMs: APT_TIMEOUT_MS }).then(
      () => '',
      (error: Error) => ` (apt-get update: ${error.message})`,
    );
    rmSync(join(temporary, 'root'), { recursive: true, force: true });
    await downloadAll(server, temporary, own, env).catch((error: Error) => {
      throw new Error(`${error.message}${update}`);
    });
  }
}

/** Unpacks the server, then the libraries that the loader does not find, one level of dependencies at a time. */
async function downloadAll(
  server: PackagedServer,
  temporary: string,
  aptOptions: readonly string[],
  env: Env,
): Promise<void> {
  const root = join(temporary, 'root');
  const dependenciesOf = (names: readonly string[]) => dependencies(names, aptOptions, env);
  const seen = new Set<string>();
  let wave = await server.packages(dependenciesOf);
  let missing: string[] = [];
  for (let depth = 0; depth <= DEPTH_MAX && wave.length > 0; depth++) {
    await download(mkdtempSync(join(temporary, 'debs-')), root, wave, aptOptions, env);
    for (const name of wave) seen.add(name);
    missing = await missingLibraries(server, root, env);
    if (missing.length === 0) return;
    const next = (await dependenciesOf(wave)).filter((name) => server.isLibrary(name) && !seen.has(name));
    wave = await notInstalled(next, env);
  }
  throw new Error(`no package gives ${missing.join(', ')}`);
}

async function download(
  folder: string,
  root: string,
  names: readonly string[],
  aptOptions: readonly string[],
  env: Env,
): Promise<void> {
  await output('apt-get', [...aptOptions, '-q', 'download', ...names], {
    env,
    cwd: folder,
    timeoutMs: APT_TIMEOUT_MS,
  }).catch((error: Error) => {
    throw new Error(`apt-get download ${names.join(' ')}: ${error.message}`);
  });
  for (const file of readdirSync(folder).filter((name) => name.endsWith('.deb'))) {
    await output('dpkg', ['-x', join(folder, file), root], { env, timeoutMs: APT_TIMEOUT_MS });
  }
}

/** Names of the shared objects that `ldd` does not find. */
async function missingLibraries(server: PackagedServer, root: string, env: Env): Promise<string[]> {
  const programs = server.programsIn(root);
  if (programs.length === 0) throw new Error(`the packages hold no ${server.name}`);
  const found = { ...env, LD_LIBRARY_PATH: libraryPathIn(server, root) };
  const text = await output('ldd', programs, { env: found, timeoutMs: QUERY_TIMEOUT_MS });
  return [...text.matchAll(/^\s*(\S+) => not found/gm)].map((match) => match[1] as string);
}

async function dependencies(names: readonly string[], aptOptions: readonly string[], env: Env): Promise<string[]> {
  const text = await output('apt-cache', [...aptOptions, 'depends', '--important', ...names], {
    env,
    timeoutMs: QUERY_TIMEOUT_MS,
  });
  const found = [...text.matchAll(/^\s*\|?(?:Pre)?Depends: ([^\s:<>]+)/gm)].map((match) => match[1] as string);
  return [...new Set(found)];
}

async function notInstalled(names: readonly string[], env: Env): Promise<string[]> {
  if (names.length === 0) return [];
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own format.
  const text = await output('dpkg-query', ['-W', '-f', '${Package} ${db:Status-Status}\n'], {
    env,
    timeoutMs: QUERY_TIMEOUT_MS,
  });
  const installed = new Set(
    text
      .split('\n')
      .filter((line) => line.endsWith(' installed'))
      .map((line) => line.split(' ')[0]),
  );
  return names.filter((name) => !installed.has(name));
}

/** `usr/lib/<triplet>` and its like: every folder of the tree that holds a shared object of nobody's own. */
function libraryPathIn({ ownModules }: PackagedServer, root: string): string {
  const folders = new Set<string>();
  for (const top of ['usr/lib', 'lib']) {
    const folder = join(root, top);
    if (!existsSync(folder)) continue;
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (/\.so(\.|$)/.test(entry.name) && !entry.parentPath.includes(ownModules)) folders.add(entry.parentPath);
    }
  }
  return [...folders].join(':');
}
