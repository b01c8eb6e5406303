import { Redis } from 'ioredis';
import { serveParent } from '../script-side.ts';

/** Follows a stream by blocked XREADs and looks at nothing but the last id. */
export interface TailAsk {
  readonly url: string;
  readonly stream: string;
  readonly after: string;
}

const COUNT = 2_000;
const BLOCK_MS = 1_000;

async function follow({ url, stream, after }: TailAsk): Promise<void> {
  const connection = new Redis(url);
  let last: string | Buffer = after;
  for (;;) {
    const reply: [Buffer, [Buffer, Buffer[]][]][] | null = await connection.xreadBuffer(
      'COUNT',
      COUNT,
      'BLOCK',
      BLOCK_MS,
      'STREAMS',
      stream,
      last,
    );
    const entries: [Buffer, Buffer[]][] = reply?.[0]?.[1] ?? [];
    last = entries.at(-1)?.[0] ?? last;
  }
}

serveParent<TailAsk>(async (ask) => {
  void follow(ask);
  return {};
});
