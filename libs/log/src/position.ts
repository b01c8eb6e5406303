import type { Tip } from './tip.ts';

/** Where the log ends, as far as its writer knows. */
export interface Position {
  readonly epoch: number;
  readonly term: number;
  readonly offset: number;
  readonly crc: number;
  readonly inboxId: string;
}

/** Whether the log ends there. The crc tells it from any other log of as many entries. */
export function isAt(tip: Tip, position: Position): boolean {
  return (
    tip.epoch === position.epoch &&
    tip.term === position.term &&
    tip.offset === position.offset &&
    tip.crc === position.crc
  );
}

export function describePosition({ epoch, offset, term }: Position | Tip): string {
  return `${epoch}-${offset} of term ${term}`;
}
