import { SseClient } from '@depthcast/testing';

/**
 * What one client has ever been shown, over all its connections, resets included. Several of them together can tell
 * whether one id ever stood for two things.
 */
export class Witness {
  readonly seen = new Map<string, string>();
  readonly resets: string[] = [];
  readonly conflicts: string[] = [];
  lastId: string | undefined;
  readonly #urls: () => string[];
  #current: SseClient | undefined;
  #stopped = false;
  readonly #running: Promise<void>;

  /** @param urls the same stream at every gateway. */
  constructor(urls: () => string[]) {
    this.#urls = urls;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#current?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let k = 0; !this.#stopped; k++) {
      const urls = this.#urls();
      try {
        const options = this.lastId === undefined ? {} : { lastEventId: this.lastId };
        await this.#read(await SseClient.connect(urls[k % urls.length] as string, { ...options, timeoutMs: 2_000 }));
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  async #read(client: SseClient): Promise<void> {
    this.#current = client;
    if (client.status !== 200) throw new Error(`status ${client.status}`);
    for await (const frame of client) {
      if (frame.id !== undefined) this.lastId = frame.id;
      if (!frame.dispatched) continue;
      if (frame.event === 'reset') this.resets.push(JSON.parse(frame.data).reason);
      if (frame.id === undefined) continue;
      const content = `${frame.event} ${frame.data}`;
      const before = this.seen.get(frame.id);
      if (before !== undefined && before !== content) this.conflicts.push(`${frame.id}: ${before} and ${content}`);
      this.seen.set(frame.id, content);
    }
  }
}

/** Ids that stood for two things, among several witnesses and a log. */
export function conflicts(
  witnesses: readonly Witness[],
  log: readonly { id: string; topic: string; payload: string }[],
): string[] {
  const known = new Map(log.map(({ id, topic, payload }) => [id, `${topic.split(':')[0]} ${payload}`]));
  const found = witnesses.flatMap((witness) => witness.conflicts);
  for (const { seen } of witnesses) {
    for (const [id, content] of seen) {
      const before = known.get(id);
      if (before === undefined) known.set(id, content);
      else if (before !== content) found.push(`${id}: ${before} and ${content}`);
    }
  }
  return found;
}
