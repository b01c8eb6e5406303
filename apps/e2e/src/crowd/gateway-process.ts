import { readFileSync } from 'node:fs';
import { type App, freePort, spawnApp } from '@depthcast/testing';

/** A gateway as a process of its own, and what can be seen of it from outside. */
export class GatewayProcess {
  readonly app: App;
  readonly port: number;

  /** Resolves when it is ready. */
  static async start(redisUrl: string, env: Readonly<Record<string, string>> = {}): Promise<GatewayProcess> {
    const port = await freePort();
    const settings = { REDIS_URL: redisUrl, LOG_LEVEL: 'info', ...env };
    const app = spawnApp('gateway', { env: settings, args: ['--addr', `127.0.0.1:${port}`] });
    await app.ready();
    return new GatewayProcess(app, port);
  }

  private constructor(app: App, port: number) {
    this.app = app;
    this.port = port;
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  /** The sum of a metric's series that have the labels among others. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const text = await (await fetch(this.url('/metrics'))).text();
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    return text
      .split('\n')
      .filter((line) => line.startsWith(`${name}{`) && wanted.every((label) => line.includes(label)))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  /** What it holds of the machine's memory now, and held at most, in MiB; 0 where only Linux would tell. */
  memoryMib(): { now: number; most: number } {
    let status = '';
    try {
      status = readFileSync(`/proc/${this.app.pid}/status`, 'utf8');
    } catch {}
    const of = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) / 1_024;
    return { now: of('VmRSS'), most: of('VmHWM') };
  }
}
