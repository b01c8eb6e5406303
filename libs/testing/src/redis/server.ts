export interface ServerSpec {
  readonly port: number;
  readonly dir: string;
  /** One of several that must reach each other at the addresses that clients use. */
  readonly hasPeers: boolean;
  /** Options of redis-server. */
  readonly args: readonly string[];
  /** Its configuration file, by its name in `dir`. */
  readonly configFile?: string;
}

/** One running redis-server, as a process or in a container. */
export interface TestServer {
  readonly pid: number | undefined;
  /** Resolves when it is gone. */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
}

export type RunServer = (spec: ServerSpec) => Promise<TestServer>;
