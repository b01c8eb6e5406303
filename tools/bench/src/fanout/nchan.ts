import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findOnPath, freePort, type PackagedServer, unpackPackages } from '@depthcast/start';
import type { Children } from '../children.ts';

/** nginx with Debian's module Nchan. */
export interface Nginx {
  readonly command: string;
  readonly module: string;
  /** For LD_LIBRARY_PATH. */
  readonly libraryPath: string;
}

export interface RunningNchan {
  readonly port: number;
  /** Of its workers. */
  readonly pids: readonly number[];
}

export const PUBLISH_PATH = '/publish';
export const SUBSCRIBE_PATH = '/subscribe';
const MODULE = 'usr/lib/nginx/modules/ngx_nchan_module.so';
const COMMAND = 'usr/sbin/nginx';
/** The bench has more to do, with or without. */
const UNPACK_MS_MAX = 60_000;
const READY_MS_MAX = 5_000;
const READY_POLL_MS = 20;

const NCHAN: PackagedServer = {
  name: 'nginx-nchan',
  packages: async () => ['nginx', 'libnginx-mod-nchan'],
  programsIn: (root) => [join(root, COMMAND), join(root, MODULE)].filter((file) => existsSync(file)),
  isLibrary: (name) => name.startsWith('lib'),
  ownModules: '/nginx/modules',
};

/**
 * Debian's nginx with libnginx-mod-nchan: the one that is installed, or one unpacked from this system's packages
 * without root.
 *
 * @throws Error saying what failed.
 */
export async function findNchan(): Promise<Nginx> {
  const { env } = process;
  const module = join('/', MODULE);
  const installed = findOnPath(['nginx', join('/', COMMAND)], env);
  if (installed && existsSync(module)) return { command: installed, module, libraryPath: '' };
  const cache = join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'depthcast');
  const late = sleep(UNPACK_MS_MAX, undefined, { ref: false }).then(() => {
    throw new Error(`its packages have not come within ${UNPACK_MS_MAX / 1_000} s`);
  });
  const { home, libraryPath } = await Promise.race([unpackPackages(NCHAN, { cache, env }), late]);
  return { command: join(home, COMMAND), module: join(home, MODULE), libraryPath };
}

/**
 * One channel in memory, published to over HTTP, with EventSource subscribers.
 *
 * @param workers as `worker_processes` takes it.
 */
export async function runNchan(
  children: Children,
  { command: program, module, libraryPath }: Nginx,
  workers: number,
): Promise<RunningNchan> {
  const folder = mkdtempSync(join(tmpdir(), 'depthcast-nchan-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const port = await freePort();
  const config = join(folder, 'nginx.conf');
  writeFileSync(config, configOf(module, port, workers));
  // It ends with this process, however that happens.
  const run = ['setpriv', '--pdeathsig', 'TERM', program, '-p', `${folder}/`, '-c', config, '-e', 'stderr'];
  // Nchan makes a folder under /var/lib/nginx whatever its configuration says: where there is none, it is given one
  // that it alone sees.
  const own = ['unshare', '--map-root-user', '--mount', 'sh', '-c', OWN_FOLDER, 'sh'];
  const isInstalled = existsSync('/var/lib/nginx') && libraryPath === '' && process.getuid?.() === 0;
  const [command = '', ...args] = [...(isInstalled ? [] : own), ...run];
  const { pid, lines, kill } = children.group(command, args, { LD_LIBRARY_PATH: libraryPath });
  try {
    const deadline = performance.now() + READY_MS_MAX;
    while (!(await answers(port))) {
      if (performance.now() > deadline) throw new Error('it does not listen');
      await sleep(READY_POLL_MS);
    }
    const pids = childrenOf(pid);
    if (pids.length === 0) throw new Error('it has no workers');
    return { port, pids };
  } catch (error) {
    kill();
    throw new Error(`nginx: ${(error as Error).message}: ${lines.join('\n')}`);
  }
}

const OWN_FOLDER = 'mount -t tmpfs none /var/lib && mkdir /var/lib/nginx && exec "$@"';

/** The newest messages are kept in memory for those who come back, as a window is; nothing is written to disk. */
function configOf(module: string, port: number, workers: number): string {
  return `
load_module ${module};
daemon off;
user root;
worker_processes ${workers};
pid nginx.pid;
error_log stderr error;
worker_rlimit_nofile 16384;
events { worker_connections 8192; multi_accept on; }
http {
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  tcp_nodelay on;
  keepalive_requests 1000000000;
  nchan_shared_memory_size 512m;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = ${SUBSCRIBE_PATH} { nchan_subscriber eventsource; nchan_channel_id bench; nchan_subscriber_first_message newest; }
    location = ${PUBLISH_PATH} {
      nchan_publisher http; nchan_channel_id bench; nchan_message_buffer_length 10000; nchan_message_timeout 10s;
      client_max_body_size 1m; client_body_buffer_size 512k; client_body_in_single_buffer on;
    }
  }
}
`;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}
