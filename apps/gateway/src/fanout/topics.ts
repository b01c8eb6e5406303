import { klineIntervals, PRIVATE_EVENT_TYPES, parseTopic } from '@depthcast/protocol';
import { packetHead, socketEventOf } from './packets.ts';

/** The id of every private topic: there are as many as somebody makes up accounts, so that none may be kept for ever. */
export const PRIVATE_TOPIC_ID = 0x3fff_ffff;
/** Private topics that are not made anew with each entry; beyond, they are all let go. */
const PRIVATE_TOPICS_MAX = 50_000;

/** One topic of the log, known by a small integer so that filters decide once a topic and never compare text. */
export interface Topic {
  /** {@link PRIVATE_TOPIC_ID} of the private ones, which segments hold themselves. */
  readonly id: number;
  readonly text: string;
  readonly type: string;
  readonly symbol: string | undefined;
  /** Whose events these are, if they are private. */
  readonly account: string | undefined;
  /** Belongs to one account, and is nobody else's. One that should name an account and does not is nobody's. */
  readonly isPrivate: boolean;
  /** `event: <type>\ndata: `, what stands in each frame between the id and the payload. */
  readonly head: Buffer;
  /** `42["<event>",`, what stands before the payload in a Socket.IO packet. */
  readonly packetHead: Buffer;
  /** Of klines: a topic for each interval, so that filters can tell them apart and still never look at a payload. */
  readonly parts: ReadonlyMap<string, Topic> | undefined;
}

/** What a symbol's events of a type are called here; of klines, those of one interval. */
export function topicText(type: string, symbol: string, interval?: string): string {
  return interval === undefined ? `${type}:${symbol}` : `${type}:${symbol}#${interval}`;
}

const INTERVAL_HEAD = Buffer.from('"interval":"');
const QUOTE = 34;

const privateTypes: ReadonlySet<string> = new Set(PRIVATE_EVENT_TYPES);

/** Interns topics. Grows with the names that the log uses (event types × symbols), never with its length. */
export class TopicTable {
  readonly #byText = new Map<string, Topic>();
  readonly #byId: Topic[] = [];
  readonly #private = new Map<string, Topic>();

  /** An entry's topic. Its payload is looked at only where the log's topic holds several of ours. */
  of(text: string, payload: Buffer): Topic {
    const topic = this.intern(text);
    return topic.parts === undefined ? topic : (topic.parts.get(intervalOf(payload)) ?? topic);
  }

  /** A topic of the log, by its name. */
  intern(text: string): Topic {
    return this.#byText.get(text) ?? this.#private.get(text) ?? this.#add(text);
  }

  /** A public topic. */
  byId(id: number): Topic {
    return this.#byId[id] as Topic;
  }

  get size(): number {
    return this.#byId.length + this.#private.size;
  }

  #add(text: string): Topic {
    const { type, symbol, account } = parseTopic(text);
    const named = { type, symbol, account, isPrivate: account !== undefined || privateTypes.has(type) };
    const name = eventName(type);
    const heads = {
      head: Buffer.from(`event: ${name}\ndata: `),
      packetHead: Buffer.from(packetHead(socketEventOf(name))),
    };
    if (named.isPrivate) {
      const topic: Topic = { id: PRIVATE_TOPIC_ID, text, ...named, ...heads, parts: undefined };
      if (this.#private.size >= PRIVATE_TOPICS_MAX) this.#private.clear();
      this.#private.set(text, topic);
      return topic;
    }
    const push = (topicName: string, parts: Topic['parts']): Topic => {
      const topic: Topic = { id: this.#byId.length, text: topicName, ...named, ...heads, parts };
      this.#byId.push(topic);
      return topic;
    };
    // Parts are found through their topic alone: an entry cannot be named as one.
    const parts =
      type === 'kline' && symbol !== undefined
        ? new Map(klineIntervals.map((interval) => [interval, push(topicText(type, symbol, interval), undefined)]))
        : undefined;
    const topic = push(text, parts);
    this.#byText.set(text, topic);
    return topic;
  }
}

/** The interval of a kline, which stands near the beginning of it. Empty when there is none. */
function intervalOf(payload: Buffer): string {
  const at = payload.indexOf(INTERVAL_HEAD);
  if (at < 0) return '';
  const start = at + INTERVAL_HEAD.length;
  return payload.toString('latin1', start, payload.indexOf(QUOTE, start));
}

/** A CR, LF or NUL in an `event:` line would forge frames; nothing but plain names passes, whoever wrote the log. */
function eventName(type: string): string {
  return type.replace(/[^A-Za-z0-9_.-]/g, '_') || 'message';
}
