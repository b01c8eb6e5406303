import { parseTopic } from '@depthcast/protocol';

/** One topic of the log, known by a small integer so that filters decide once a topic and never compare text. */
export interface Topic {
  readonly id: number;
  readonly text: string;
  readonly type: string;
  readonly symbol: string | undefined;
  /** Belongs to one account: nobody gets it without proving to be that account. */
  readonly isPrivate: boolean;
  /** `event: <type>\ndata: `, what stands in each frame between the id and the payload. */
  readonly head: Buffer;
}

/** Interns topics. Grows with the names that the log uses (event types × symbols), never with its length. */
export class TopicTable {
  readonly #byText = new Map<string, Topic>();
  readonly #byId: Topic[] = [];

  intern(text: string): Topic {
    return this.#byText.get(text) ?? this.#add(text);
  }

  byId(id: number): Topic {
    return this.#byId[id] as Topic;
  }

  get size(): number {
    return this.#byId.length;
  }

  #add(text: string): Topic {
    const { type, symbol, account } = parseTopic(text);
    const topic: Topic = {
      id: this.#byId.length,
      text,
      type,
      symbol,
      isPrivate: account !== undefined,
      head: Buffer.from(`event: ${eventName(type)}\ndata: `),
    };
    this.#byText.set(text, topic);
    this.#byId.push(topic);
    return topic;
  }
}

/** A CR, LF or NUL in an `event:` line would forge frames; nothing but plain names passes, whoever wrote the log. */
function eventName(type: string): string {
  return type.replace(/[^A-Za-z0-9_.-]/g, '_') || 'message';
}
