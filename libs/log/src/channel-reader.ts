import { Cluster } from 'ioredis';
import { duplicateClient, type RedisClient } from './connect.ts';

export interface ChannelReaderOptions {
  readonly client: RedisClient;
  readonly channel: string;
  readonly onMessage: (text: string) => void;
  /** From now on messages arrive, and those sent before may have been lost: at the start, and after each outage. */
  readonly onSubscribed: () => void;
}

/** Often enough to notice a silent network, by the connection's socket timeout, within seconds. */
const PING_MS = 1_000;

/**
 * One Pub/Sub channel on a connection of its own. Redis keeps nothing of it for who is away, so what must not be missed
 * has to be looked up elsewhere whenever this says that it has (again) begun to listen.
 */
export class ChannelReader {
  readonly #options: ChannelReaderOptions;
  readonly #client: RedisClient;
  #ping: NodeJS.Timeout | undefined;

  constructor(options: ChannelReaderOptions) {
    this.#options = options;
    this.#client = duplicateClient(options.client);
    // Its promise would be nobody's: a connection that breaks at that moment would end the process.
    if (!(this.#client instanceof Cluster)) this.#client.options.autoResubscribe = false;
  }

  start(): void {
    const { channel, onMessage } = this.#options;
    this.#client.on('message', (from: string, text: string) => {
      if (from === channel) onMessage(text);
    });
    this.#client.on('ready', () => void this.#subscribe());
    this.#client.connect().catch(() => {});
    this.#ping = setInterval(() => {
      if (this.#client.status === 'ready') this.#client.ping().catch(() => {});
    }, PING_MS);
  }

  stop(): void {
    clearInterval(this.#ping);
    this.#client.disconnect();
  }

  async #subscribe(): Promise<void> {
    try {
      await this.#client.subscribe(this.#options.channel);
      this.#options.onSubscribed();
    } catch {
      // The connection has broken, and its next one subscribes; or Redis refuses, and a new one may be let in.
      this.#client.disconnect(true);
    }
  }
}
