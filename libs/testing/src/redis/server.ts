export interface ServerSpec {
  readonly port: number;
  readonly dir: string;
  /** A node of a cluster must reach the others at the address that clients use. */
  readonly cluster: boolean;
  /** Options of redis-server. */
  readonly args: readonly string[];
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
