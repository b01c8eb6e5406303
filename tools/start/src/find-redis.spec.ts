import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { findRedis } from './find-redis.ts';

describe('the search for a Redis', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'depthcast-find-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const stub = (name: string, script: string): void => {
    const file = join(dir, name);
    writeFileSync(file, `#!/bin/sh\n${script}\n`);
    chmodSync(file, 0o755);
  };
  /** Only our stubs are on PATH. */
  const find = (env: Record<string, string> = {}) => findRedis({ env: { PATH: dir, HOME: dir, ...env } });

  const VERSION = 'echo "Redis server v=7.2.4 sha=0 malloc=libc bits=64"';
  const VALKEY = 'echo "Valkey server v=8.1.1 sha=0"';
  const DOCKER = 'case $1 in version) echo 26.1.5;; image) echo sha256:1;; *) exit 1;; esac';
  /** A whole apt: packages that hold a redis-server, whose one library the system has. */
  const apt = (): void => {
    stub('apt-get', 'case "$*" in *download*) echo > redis-server.deb;; esac');
    stub('apt-cache', 'exit 0');
    stub('dpkg-query', 'exit 0');
    stub('ldd', 'echo "libc.so.6 => /lib/libc.so.6 (0x0)"');
    const server = '#!/bin/sh\\necho "Redis server v=7.0.15 sha=0"\\n';
    stub(
      'dpkg',
      `case $1 in
        --print-architecture) echo amd64;;
        -x) /bin/mkdir -p $3/usr/bin; printf '${server}' > $3/usr/bin/redis-server; /bin/chmod 755 $3/usr/bin/redis-server;;
      esac`,
    );
  };

  it('takes REDIS_URL first, and does not show its password', async () => {
    stub('redis-server', VERSION);
    expect(await find({ REDIS_URL: 'redis://me:hunter2@h:1' })).toEqual({
      kind: 'url',
      url: 'redis://me:hunter2@h:1',
      description: 'REDIS_URL redis://me:***@h:1',
    });
  });

  it('then a redis-server or valkey-server on PATH', async () => {
    stub('valkey-server', VALKEY);
    stub('docker', DOCKER);
    expect(await find()).toMatchObject({ kind: 'binary', description: `Valkey 8.1.1 (${dir}/valkey-server)` });
    stub('redis-server', VERSION);
    expect(await find()).toMatchObject({ kind: 'binary', command: join(dir, 'redis-server'), env: {} });
  });

  it('then a Docker engine that answers', async () => {
    stub('redis-server', 'echo "Redis server v=6.0.16 sha=0"');
    stub('docker', DOCKER);
    apt();
    expect(await find()).toEqual({
      kind: 'docker',
      image: 'redis:8-alpine',
      description: 'redis:8-alpine on Docker 26.1.5',
    });
  });

  it("then the system's package, unpacked into the cache once", async () => {
    stub('docker', 'echo Cannot connect to the Docker daemon >&2; exit 1');
    apt();
    const cache = join(dir, 'cache');
    const [a, b] = await Promise.all([find({ XDG_CACHE_HOME: cache }), find({ XDG_CACHE_HOME: cache })]);
    expect(a).toMatchObject({ kind: 'binary', command: expect.stringContaining(join(cache, 'depthcast/redis')) });
    expect(b).toEqual(a);
    // From now on without any of apt's tools doing anything.
    stub('apt-get', 'exit 1');
    expect(await find({ XDG_CACHE_HOME: cache })).toEqual(a);
  });

  it('fails with the four, and why each gave none', async () => {
    mkdirSync(join(dir, 'redis-server'));
    stub('docker', 'echo Cannot connect to the Docker daemon >&2; exit 1');
    const error = await find().catch((e: Error & { code: string }) => e);
    expect(error).toMatchObject({ code: 'REDIS_NOT_FOUND' });
    expect((error as Error).message.split('\n')).toEqual([
      'No Redis. Provide one of these:',
      '  1. REDIS_URL: not set',
      '  2. redis-server or valkey-server on PATH: neither is there',
      '  3. a Docker engine, for redis:8-alpine: Cannot connect to the Docker daemon',
      '  4. apt-get download of redis-server, unpacked into a cache folder (Debian, Ubuntu): no apt-get here',
    ]);
  });

  it('says what a server that is too old lacks, and why a download failed', async () => {
    stub('redis-server', 'echo "Redis server v=6.0.16 sha=0"');
    apt();
    stub('apt-get', 'echo "E: Unable to locate package redis-server" >&2; exit 100');
    const error = (await find().catch((e: Error) => e)) as Error;
    expect(error.message).toContain('redis-server is Redis 6.0.16, 7.0 or newer is needed');
    expect(error.message).toContain('apt-get download redis-server redis-tools: E: Unable to locate package');
  });
});
