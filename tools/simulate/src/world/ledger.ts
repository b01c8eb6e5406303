/** An input whose effect can be told from every other's, and what its producer was told of it. */
export interface Promised {
  /** The effect's name, as {@link effectOf} finds it in the log. */
  readonly effect: string;
  readonly producer: string;
  /** Of that producer. */
  readonly number: number;
  /**
   * `sent`: nobody has said anything yet. `acknowledged`: Redis has it. `withdrawn`: it never left. `unknown`: its
   * producer gave up waiting.
   */
  outcome: 'sent' | 'acknowledged' | 'withdrawn' | 'unknown';
  acknowledgedAtMs: number;
  /** It was sent once more as another input, to the same effect: nobody knows which of the two came first. */
  isRepeated: boolean;
}

const NOTHING_SAID = { outcome: 'sent', acknowledgedAtMs: 0, isRepeated: false } as const;

/** What producers were told, to be held against the log in the end. */
export class Ledger {
  readonly promised = new Map<string, Promised>();
  /** Producers that were killed, and when. */
  readonly killedAtMs = new Map<string, number>();
  readonly #counts = new Map<string, number>();

  promise(effect: string, producer: string): Promised {
    const number = (this.#counts.get(producer) ?? 0) + 1;
    this.#counts.set(producer, number);
    const promised: Promised = { effect, producer, number, ...NOTHING_SAID };
    this.promised.set(effect, promised);
    return promised;
  }

  acknowledge(promised: Promised): void {
    promised.outcome = 'acknowledged';
    promised.acknowledgedAtMs = Date.now();
  }
}

/** The effect that an entry of the log is, if it is one that an input was promised. */
export function effectOf(topic: string, payload: string): string | undefined {
  if (topic.startsWith('trade:LVL')) return `trade ${/"trade_id":(\d+)/.exec(payload)?.[1]}`;
  if (!topic.startsWith('order_update:')) return undefined;
  const update = JSON.parse(payload.replace(/"ts_ns":\d+/, '"ts_ns":0')) as Record<string, string>;
  const { status, reason, client_order_id: id } = update;
  // The first word about an order. What is said of an order that is not known is about a cancel.
  if (status !== 'ACCEPTED' && (status !== 'REJECTED' || reason === 'unknown_order')) return undefined;
  return `order ${topic.split(':')[2]} ${id}`;
}
