import { reaper } from '../reaper.ts';
import type { PostgresSource } from './find-postgres.ts';
import { answers, type PostgresServer, type PostgresSpec } from './server.ts';

/** Runs servers in containers, through testcontainers; loaded only here, since it takes a second to load. */
export function runContainer(source: PostgresSource & { kind: 'docker' }) {
  /** One container, whose files outlive its server's end, until it is removed. */
  let container: { id: string; start: () => Promise<void>; kill: (signal: string) => Promise<void> } | undefined;
  const run = async (spec: PostgresSpec): Promise<PostgresServer> => {
    if (container) await container.start();
    else container = await create(source.image, spec);
    const { kill } = container;
    if (!(await answers(spec, new Promise(() => {})))) throw new Error(`${source.image} did not come up`);
    return { pid: undefined, end: (signal) => kill(signal === 'SIGTERM' ? 'SIGINT' : signal) };
  };
  return Object.assign(run, {
    /** With its files. */
    remove: async (): Promise<void> => {
      if (!container) return;
      const { getContainerRuntimeClient } = await import('testcontainers');
      const handle = (await getContainerRuntimeClient()).container.getById(container.id);
      await handle.remove({ force: true, v: true }).catch(() => {});
      reaper.drop('container', container.id);
      container = undefined;
    },
  });
}

async function create(image: string, spec: PostgresSpec) {
  // Ryuk, its cleaner, is one more image to pull; our reaper does its work.
  process.env.TESTCONTAINERS_RYUK_DISABLED ??= 'true';
  process.env.TESTCONTAINERS_HOST_OVERRIDE ??= '127.0.0.1';
  const { GenericContainer, getContainerRuntimeClient, Wait } = await import('testcontainers');
  const settings = ['fsync=off', 'full_page_writes=off', 'max_connections=60', ...spec.settings];
  const started = await new GenericContainer(image)
    .withEnvironment({ POSTGRES_USER: spec.user, POSTGRES_PASSWORD: spec.password, POSTGRES_DB: 'postgres' })
    // One port inside and out, so that restarts keep it.
    .withExposedPorts({ container: 5_432, host: spec.port })
    .withCommand(['postgres', ...settings.flatMap((setting) => ['-c', setting])])
    // The image starts a server twice; only the second one listens to the network.
    .withWaitStrategy(Wait.forLogMessage(/ready to accept connections/, 2))
    .start();
  reaper.add('container', started.getId());
  const handle = (await getContainerRuntimeClient()).container.getById(started.getId());
  return {
    id: started.getId(),
    start: async () => void (await handle.start()),
    kill: async (signal: string) => {
      await handle.kill({ signal }).catch(() => {});
      await handle.wait().catch(() => {});
    },
  };
}
