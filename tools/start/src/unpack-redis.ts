import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type Env, findOnPath, output } from './commands.ts';

export interface UnpackedRedis {
  readonly command: string;
  /** For LD_LIBRARY_PATH; empty when the system had every library. */
  readonly libraryPath: string;
}

const PACKAGES = ['redis-server', 'redis-tools'];
const APT_TIMEOUT_MS = 180_000;
const QUERY_TIMEOUT_MS = 30_000;
/** How far down the tree of dependencies a missing library is looked for. */
const DEPTH_MAX = 4;
const TOOLS = ['apt-get', 'apt-cache', 'dpkg', 'dpkg-query', 'ldd'];

/**
 * Redis from the packages of Debian or Ubuntu, without root and without installing anything: downloaded, unpacked
 * into `${XDG_CACHE_HOME:-~/.cache}/depthcast/redis`, kept for the next time.
 *
 * @throws Error saying what failed.
 */
export async function unpackRedis(env: Env, onProgress: (message: string) => void): Promise<UnpackedRedis> {
  for (const tool of TOOLS) {
    if (!findOnPath([tool], env)) throw new Error(`no ${tool} here`);
  }
  const cache = join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'depthcast', 'redis');
  const home = join(cache, await release(env));
  if (!existsSync(commandIn(home))) {
    onProgress(`unpacking redis-server from this system's packages into ${home}`);
    mkdirSync(cache, { recursive: true });
    const temporary = mkdtempSync(join(cache, '.unpack-'));
    try {
      await fill(temporary, cache, env);
      publish(temporary, home);
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
  }
  return { command: commandIn(home), libraryPath: libraryPathIn(home) };
}

/** The folder's name: libraries of one release do not serve another. */
async function release(env: Env): Promise<string> {
  const field = (name: string, text: string) => new RegExp(`^${name}="?([^"\n]*)"?$`, 'm').exec(text)?.[1] ?? '';
  const text = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const arch = (await output('dpkg', ['--print-architecture'], { env, timeoutMs: QUERY_TIMEOUT_MS })).trim();
  return `${field('ID', text) || 'linux'}-${field('VERSION_ID', text) || 'rolling'}-${arch}`;
}

/** One rename, so that of several processes doing the same each sees a whole folder or none. */
function publish(temporary: string, home: string): void {
  try {
    renameSync(join(temporary, 'root'), home);
  } catch (error) {
    if (!existsSync(commandIn(home))) throw error;
  }
}

async function fill(temporary: string, cache: string, env: Env): Promise<void> {
  try {
    await downloadAll(temporary, [], env);
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
    await downloadAll(temporary, own, env).catch((error: Error) => {
      throw new Error(`${error.message}${update}`);
    });
  }
}

/** Unpacks the server, then the libraries that the loader does not find, one level of dependencies at a time. */
async function downloadAll(temporary: string, aptOptions: readonly string[], env: Env): Promise<void> {
  const root = join(temporary, 'root');
  const seen = new Set<string>();
  let wave = [...PACKAGES];
  let missing: string[] = [];
  for (let depth = 0; depth <= DEPTH_MAX && wave.length > 0; depth++) {
    await unpackPackages(temporary, root, wave, aptOptions, env);
    for (const name of wave) seen.add(name);
    missing = await missingLibraries(root, env);
    if (missing.length === 0) return;
    const next = await dependencies(wave, aptOptions, env);
    wave = await notInstalled(
      next.filter((name) => !seen.has(name)),
      env,
    );
  }
  throw new Error(`no package gives ${missing.join(', ')}`);
}

async function unpackPackages(
  temporary: string,
  root: string,
  names: readonly string[],
  aptOptions: readonly string[],
  env: Env,
): Promise<void> {
  const downloads = mkdtempSync(join(temporary, 'debs-'));
  await output('apt-get', [...aptOptions, '-q', 'download', ...names], {
    env,
    cwd: downloads,
    timeoutMs: APT_TIMEOUT_MS,
  }).catch((error: Error) => {
    throw new Error(`apt-get download ${names.join(' ')}: ${error.message}`);
  });
  for (const file of readdirSync(downloads).filter((name) => name.endsWith('.deb'))) {
    await output('dpkg', ['-x', join(downloads, file), root], { env, timeoutMs: APT_TIMEOUT_MS });
  }
}

/** Names of the shared objects that `ldd` does not find. */
async function missingLibraries(root: string, env: Env): Promise<string[]> {
  const text = await output('ldd', [commandIn(root)], {
    env: { ...env, LD_LIBRARY_PATH: libraryPathIn(root) },
    timeoutMs: QUERY_TIMEOUT_MS,
  });
  return [...text.matchAll(/^\s*(\S+) => not found/gm)].map((match) => match[1] as string);
}

/** The libraries that the packages depend on directly. */
async function dependencies(names: readonly string[], aptOptions: readonly string[], env: Env): Promise<string[]> {
  const text = await output('apt-cache', [...aptOptions, 'depends', '--important', ...names], {
    env,
    timeoutMs: QUERY_TIMEOUT_MS,
  });
  const found = [...text.matchAll(/^\s*\|?(?:Pre)?Depends: ((?:lib|lua)[^\s:]+)$/gm)].map(
    (match) => match[1] as string,
  );
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

function commandIn(root: string): string {
  return join(root, 'usr', 'bin', 'redis-server');
}

/** `usr/lib/<triplet>` and its like: every folder of the tree that holds a shared object, but Lua's own modules. */
function libraryPathIn(root: string): string {
  const folders = new Set<string>();
  for (const top of ['usr/lib', 'lib']) {
    const folder = join(root, top);
    if (!existsSync(folder)) continue;
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      if (/\.so(\.|$)/.test(entry.name) && !entry.parentPath.includes('/lua')) folders.add(entry.parentPath);
    }
  }
  return [...folders].join(':');
}
