import { randomUUID } from 'node:crypto';
import { DepthcastError } from '@depthcast/protocol';
import type { Partitions } from '../partitions/partitions.ts';
import type { Answer, OrderIntake, Patience } from './order-intake.ts';
import { parseOrder } from './order-request.ts';

/** Brings orders and cancels to the partition that they are for. */
export class OrderDesk {
  /** One a partition. */
  readonly intakes: readonly OrderIntake[];
  readonly #partitions: Partitions;

  constructor(intakes: readonly OrderIntake[], partitions: Partitions) {
    this.intakes = intakes;
    this.#partitions = partitions;
  }

  /** As {@link OrderIntake.place}. A client order id is an account's in all partitions. */
  place(account: string, body: string, patience?: Patience): Promise<Answer> {
    return this.#intakeOf(account, body).place(account, body, patience);
  }

  /** As {@link OrderIntake.cancel}. */
  async cancel(account: string, id: string, patience: Patience): Promise<Answer> {
    const holder = this.#holderOf(account, id);
    if (holder) return await holder.cancel(account, id, patience);
    // Only the engines know, and it is nobody's symbol: each of them is asked.
    let unknown: unknown;
    for (const intake of this.intakes) {
      try {
        return await intake.cancel(account, id, patience);
      } catch (error) {
        if (!(error instanceof DepthcastError) || error.code !== 'ORDER_UNKNOWN') throw error;
        unknown = error;
      }
    }
    throw unknown;
  }

  /** Takes nothing more, see {@link OrderIntake.close}. */
  async close(waitMs: number): Promise<void> {
    await Promise.all(this.intakes.map((intake) => intake.close(waitMs)));
  }

  #intakeOf(account: string, body: string): OrderIntake {
    const [first] = this.intakes as [OrderIntake];
    if (this.intakes.length === 1) return first;
    try {
      const { clientOrderId, symbol } = parseOrder(body, randomUUID);
      return this.#holderOf(account, clientOrderId) ?? (this.intakes[this.#partitions.indexOf(symbol)] as OrderIntake);
    } catch {
      // It says what is wrong.
      return first;
    }
  }

  #holderOf(account: string, id: string): OrderIntake | undefined {
    return this.intakes.find((intake) => intake.knows(account, id));
  }
}
