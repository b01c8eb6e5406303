import { compareCursors, parseCursor } from '@depthcast/protocol';
import { SseClient, type SseFrame } from '@depthcast/testing';

export interface ReceivedEvent {
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

/**
 * A client as a user would write one: it keeps the last id, and when its connection breaks it goes on at whichever
 * gateway answers. It accepts no `reset`.
 */
export class RoamingClient {
  readonly events: ReceivedEvent[] = [];
  readonly problems: string[] = [];
  connections = 0;
  /** How many frames have proved by `prev` that nothing is missing before them. */
  links = 0;
  readonly #urls: () => string[];
  #lastId: string | undefined;
  #current: SseClient | undefined;
  #stopped = false;
  readonly #running: Promise<void>;

  /**
   * @param urls the same stream at every gateway.
   * @param lastId what it has already, of an earlier life.
   */
  constructor(urls: () => string[], lastId?: string) {
    this.#urls = urls;
    this.#lastId = lastId;
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#current?.close();
    await this.#running;
  }

  /** As a client that knows nothing of the log can: prev ≤ what it has < id. Frames of an id alone move it too. */
  #checkChain(frame: SseFrame): void {
    const { prev } = frame.fields;
    if (prev === undefined || frame.id === undefined) return;
    const id = parseCursor(frame.id);
    const cursor = this.#lastId === undefined ? undefined : parseCursor(this.#lastId);
    const holds = cursor && compareCursors(parseCursor(prev), cursor) <= 0 && compareCursors(cursor, id) < 0;
    if (holds) this.links++;
    else this.problems.push(`prev ${prev}, id ${frame.id}, but the client has ${this.#lastId}`);
  }

  async #run(): Promise<void> {
    for (let k = 0; !this.#stopped; k++) {
      const urls = this.#urls();
      try {
        const url = urls[k % urls.length] as string;
        const options = this.#lastId === undefined ? {} : { lastEventId: this.#lastId };
        await this.#read(await SseClient.connect(url, { ...options, timeoutMs: 2_000 }));
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  async #read(client: SseClient): Promise<void> {
    this.#current = client;
    if (client.status !== 200) throw new Error(`status ${client.status}`);
    this.connections++;
    for await (const frame of client) {
      this.#checkChain(frame);
      if (frame.id !== undefined) this.#lastId = frame.id;
      if (!frame.dispatched) continue;
      if (frame.event === 'reset') this.problems.push(`reset ${frame.data}`);
      else if (frame.id !== undefined) this.events.push({ id: frame.id, event: frame.event, data: frame.data });
    }
  }
}

/** Where the first difference is, in words; undefined when there is none. */
export function firstDifference(
  received: readonly ReceivedEvent[],
  expected: readonly { id: string; topic: string; payload: string }[],
): string | undefined {
  for (let i = 0; i < Math.max(received.length, expected.length); i++) {
    const [got, want] = [received[i], expected[i]];
    if (got?.id !== want?.id || got?.data !== want?.payload || got?.event !== want?.topic.split(':')[0]) {
      const previous = received[i - 1]?.id;
      return `at ${i}, after ${previous}: got ${got?.event} ${got?.id}, expected ${want?.topic} ${want?.id}`;
    }
  }
  return undefined;
}
