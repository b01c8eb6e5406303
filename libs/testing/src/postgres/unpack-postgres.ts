import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

export interface UnpackedPostgres {
  /** The folder of `postgres` and `initdb`. */
  readonly bin: string;
  /** For LD_LIBRARY_PATH; empty when the system had every library. */
  readonly libraryPath: string;
}

const APT_TIMEOUT_MS = 180_000;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
/** How far down the tree of dependencies a missing library is looked for. */
const DEPTH_MAX = 4;
const run = promisify(execFile);

/**
 * PostgreSQL from the packages of Debian or Ubuntu, without root and without installing anything: downloaded, unpacked
 * beside the Redis that `npm start` unpacks (`${XDG_CACHE_HOME:-~/.cache}/depthcast/postgres`), kept for the next time.
 * Root's go to /var/cache, since the server must run as somebody else, who may not look into root's home.
 *
 * LLVM, half of all its bytes, is left out: the server wants it for `jit` alone.
 *
 * @throws Error saying what failed.
 */
export async function unpackPostgres(): Promise<UnpackedPostgres> {
  const cache = join(cacheFolder(), 'depthcast', 'postgres');
  const home = join(cache, await release());
  if (binIn(home) === undefined) {
    mkdirSync(cache, { recursive: true });
    const temporary = mkdtempSync(join(cache, '.unpack-'));
    try {
      await fill(temporary, cache);
      publish(join(temporary, 'root'), home);
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
  }
  const bin = binIn(home);
  if (bin === undefined) throw new Error(`no server in ${home}`);
  return { bin, libraryPath: libraryPathIn(home) };
}

function cacheFolder(): string {
  if (process.getuid?.() === 0) return '/var/cache';
  return process.env.XDG_CACHE_HOME || join(process.env.HOME || homedir(), '.cache');
}

/** The folder's name: libraries of one release do not serve another. */
async function release(): Promise<string> {
  const text = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const field = (name: string) => new RegExp(`^${name}="?([^"\n]*)"?$`, 'm').exec(text)?.[1];
  const arch = (await output('dpkg', ['--print-architecture'])).trim();
  return `${field('ID') ?? 'linux'}-${field('VERSION_ID') ?? 'rolling'}-${arch}`;
}

/** One rename, so that of several processes doing the same each sees a whole folder or none. */
function publish(root: string, home: string): void {
  try {
    renameSync(root, home);
  } catch (error) {
    if (binIn(home) === undefined) throw error;
  }
}

async function fill(temporary: string, cache: string): Promise<void> {
  try {
    await downloadAll(temporary, []);
  } catch {
    // No package lists, or old ones that name what is gone: fresh ones into folders of our own, which takes no root.
    const apt = join(cache, 'apt');
    mkdirSync(join(apt, 'lists', 'partial'), { recursive: true });
    mkdirSync(join(apt, 'archives', 'partial'), { recursive: true });
    const own = ['-o', `Dir::State::lists=${join(apt, 'lists')}`, '-o', `Dir::Cache=${apt}`];
    // One unreachable source of many fails an update: whether it mattered, the download says.
    await output('apt-get', [...own, 'update']).catch(() => '');
    rmSync(join(temporary, 'root'), { recursive: true, force: true });
    await downloadAll(temporary, own);
  }
}

/** The server, then the libraries that the loader does not find, one level of dependencies at a time. */
async function downloadAll(temporary: string, apt: readonly string[]): Promise<void> {
  const root = join(temporary, 'root');
  const server = (await dependencies(['postgresql'], apt)).find((name) => /^postgresql-\d+$/.test(name));
  if (!server) throw new Error('apt-cache knows no package postgresql');
  const seen = new Set<string>();
  let wave = [server];
  let missing: string[] = [];
  for (let depth = 0; depth <= DEPTH_MAX && wave.length > 0; depth++) {
    const downloads = mkdtempSync(join(temporary, 'debs-'));
    await output('apt-get', [...apt, '-q', 'download', ...wave], downloads);
    for (const file of readdirSync(downloads)) await output('dpkg', ['-x', join(downloads, file), root]);
    for (const name of wave) seen.add(name);
    missing = await missingLibraries(root);
    if (missing.length === 0) return;
    const next = (await dependencies(wave, apt)).filter((name) => name.startsWith('lib') && !/llvm/.test(name));
    wave = next.filter((name) => !seen.has(name) && !isInstalled(name));
  }
  throw new Error(`no package gives ${missing.join(', ')}`);
}

async function missingLibraries(root: string): Promise<string[]> {
  const bin = binIn(root);
  if (bin === undefined) throw new Error('the package holds no server');
  const env = { LD_LIBRARY_PATH: libraryPathIn(root) };
  const texts = await Promise.all(
    ['postgres', 'initdb'].map((name) => output('ldd', [join(bin, name)], undefined, env)),
  );
  return texts.flatMap((text) => [...text.matchAll(/^\s*(\S+) => not found/gm)].map((match) => match[1] as string));
}

async function dependencies(names: readonly string[], apt: readonly string[]): Promise<string[]> {
  const text = await output('apt-cache', [...apt, 'depends', '--important', ...names]);
  const found = [...text.matchAll(/^\s*\|?(?:Pre)?Depends: ([^\s:<>]+)$/gm)].map((match) => match[1] as string);
  return [...new Set(found)];
}

function isInstalled(name: string): boolean {
  const folder = '/var/lib/dpkg/info';
  return existsSync(join(folder, `${name}.list`)) || readdirSync(folder).some((file) => file.startsWith(`${name}:`));
}

async function output(
  command: string,
  args: readonly string[],
  cwd?: string,
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  try {
    const options = {
      env: { ...process.env, LC_ALL: 'C', ...env },
      timeout: APT_TIMEOUT_MS,
      maxBuffer: OUTPUT_BYTES_MAX,
    };
    return (await run(command, [...args], { ...options, ...(cwd ? { cwd } : {}) })).stdout;
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    throw new Error(`${command} ${args.join(' ')}: ${stderr.trim().split('\n').at(-1) || message}`);
  }
}

function binIn(root: string): string | undefined {
  const versions = join(root, 'usr', 'lib', 'postgresql');
  if (!existsSync(versions)) return undefined;
  return readdirSync(versions)
    .map((version) => join(versions, version, 'bin'))
    .find((bin) => existsSync(join(bin, 'initdb')));
}

/** Every folder of the tree that holds a shared object, but the server's own modules. */
function libraryPathIn(root: string): string {
  const folders = new Set<string>();
  for (const top of ['usr/lib', 'lib']) {
    const folder = join(root, top);
    if (!existsSync(folder)) continue;
    for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
      const { parentPath } = entry;
      if (/\.so(\.|$)/.test(entry.name) && !parentPath.includes('/postgresql/')) folders.add(parentPath);
    }
  }
  return [...folders].join(':');
}
