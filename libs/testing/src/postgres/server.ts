import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

export interface PostgresSpec {
  readonly port: number;
  readonly dir: string;
  readonly user: string;
  readonly password: string;
  /** Whether `dir` is still empty. */
  readonly fresh: boolean;
  /** `name=value`. */
  readonly settings: readonly string[];
}

/** One running server, as a process or in a container. */
export interface PostgresServer {
  readonly pid: number | undefined;
  /** SIGTERM: clients are cut off, everything is written. Resolves when it is gone. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

const START_TIMEOUT_MS = 60_000;
const ASK_INTERVAL_MS = 50;

/** Waits until a client is let in: true. False when it takes too long, or `ended` comes first. */
export async function answers(spec: PostgresSpec, ended: Promise<unknown>): Promise<boolean> {
  let gone = false;
  void ended.then(() => {
    gone = true;
  });
  for (const deadline = Date.now() + START_TIMEOUT_MS; !gone && Date.now() < deadline; ) {
    const { port, user, password } = spec;
    const client = new pg.Client({ host: '127.0.0.1', port, user, password, database: 'postgres' });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.query('SELECT 1');
      return true;
    } catch {
      await sleep(ASK_INTERVAL_MS);
    } finally {
      await client.end().catch(() => {});
    }
  }
  return false;
}
