/** A message that is not what the venue's documents say. It is counted and skipped, never fatal. */
export class MalformedMessage extends Error {
  /** What it was meant to be: `json`, `depth`, `trade`, `quote`, `snapshot` or `unknown`. */
  readonly kind: string;

  constructor(kind: string, why: string) {
    super(why);
    this.name = 'MalformedMessage';
    this.kind = kind;
  }
}

export function asMalformed(kind: string, error: unknown): MalformedMessage {
  return new MalformedMessage(kind, error instanceof Error ? error.message : String(error));
}
