import type { RedisSource } from '@depthcast/start';
import { reaper } from '../reaper.ts';
import type { RunServer } from './server.ts';

/** Runs servers in containers, through testcontainers; loaded only here, since it takes a second to load. */
export function runContainer(source: RedisSource & { kind: 'docker' }): RunServer {
  return async (spec) => {
    // Ryuk, its cleaner, is one more image to pull; our reaper does its work.
    process.env.TESTCONTAINERS_RYUK_DISABLED ??= 'true';
    process.env.TESTCONTAINERS_HOST_OVERRIDE ??= '127.0.0.1';
    const { GenericContainer, getContainerRuntimeClient, Wait } = await import('testcontainers');
    const file = spec.configFile === undefined ? [] : [`/data/${spec.configFile}`];
    const places = ['--port', String(spec.port), '--dir', '/data'];
    const server = ['redis-server', ...file, ...places, '--maxmemory-policy', 'noeviction'];
    if (spec.hasPeers) server.push('--bind', '127.0.0.1');
    const container = new GenericContainer(source.image);
    // One port inside and out, so that restarts keep it. Those with peers share the machine's own network: each must
    // be reached by the others and by clients under one address.
    const placed = spec.hasPeers
      ? container.withNetworkMode('host')
      : container.withExposedPorts({ container: spec.port, host: spec.port });
    const started = await placed
      .withBindMounts([{ source: spec.dir, target: '/data' }])
      .withUser(`${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`)
      .withCommand([...server, ...spec.args])
      .withWaitStrategy(Wait.forLogMessage(/Ready to accept connections|Sentinel ID is/))
      .start();
    reaper.add('container', started.getId());
    const running = (await getContainerRuntimeClient()).container.getById(started.getId());
    return {
      pid: undefined,
      async end(name) {
        await running.kill({ signal: name }).catch(() => {});
        await running.wait().catch(() => {});
        await running.remove({ force: true }).catch(() => {});
        reaper.drop('container', started.getId());
      },
      pause: async () => void (await running.pause()),
      resume: async () => void (await running.unpause()),
    };
  };
}
