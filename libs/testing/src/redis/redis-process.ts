import { type RedisSource, runRedis } from '@depthcast/start';
import { reaper } from '../reaper.ts';
import type { RunServer } from './server.ts';

/** Runs servers as child processes. */
export function runProcess(source: RedisSource): RunServer {
  return async (spec) => {
    if (source.kind === 'url') throw new Error('tests never use the Redis of REDIS_URL');
    const server = await runRedis(source, spec);
    reaper.add('pid', server.pid);
    void server.exited.then(() => reaper.drop('pid', server.pid));
    const signal = (name: NodeJS.Signals): void => {
      process.kill(server.pid, name);
    };
    return {
      pid: server.pid,
      async end(name) {
        if (name === 'SIGKILL') server.kill();
        else server.stop();
        await server.exited;
      },
      pause: async () => signal('SIGSTOP'),
      resume: async () => signal('SIGCONT'),
    };
  };
}
