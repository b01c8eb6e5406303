import { frameOf, packetHead, socketEventOf } from '../../fanout/packets.ts';
import { topicText } from '../../fanout/topics.ts';
import type { Gateway } from '../../gateway.ts';

const TYPE = 'bbo';

/**
 * The newest best prices of every symbol that has some, as `request_initial_data` is answered. One rendering for all
 * who ask before the next event. They carry no cursor: what a client has been sent of the log is not changed by them.
 */
export class InitialData {
  readonly #gateway: Pick<Gateway, 'state' | 'window'>;
  #position = -1;
  #bytes: Buffer = Buffer.alloc(0);

  constructor(gateway: Pick<Gateway, 'state' | 'window'>) {
    this.#gateway = gateway;
  }

  get bytes(): Buffer {
    const { state, window } = this.#gateway;
    if (this.#position === window.end) return this.#bytes;
    const head = packetHead(socketEventOf(TYPE));
    const known = state.symbols.map((symbol) => state.lastValue(topicText(TYPE, symbol)));
    const frames = known.filter((payload) => payload !== undefined).map((payload) => frameOf(`${head}${payload}]`));
    this.#bytes = Buffer.concat(frames);
    this.#position = window.end;
    return this.#bytes;
  }
}
