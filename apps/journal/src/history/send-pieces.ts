import { Readable } from 'node:stream';
import { Logger } from '@nestjs/common';
import type { FastifyReply } from 'fastify';

/** A client that takes nothing for so long is not waited for: it would keep others out. */
const STALLED_MS = 60_000;
const logger = new Logger('history');

/**
 * Sends an answer in pieces, as fast as its client takes them. The first is made before anything is sent, so that what
 * fails until then is answered with its status; later, all that can be done is to break the answer off.
 *
 * @param make makes the pieces; the signal says that the client has left.
 * @param end called when the answer is out, or its client has left and the making has stopped: a question to the database
 *   goes on until it is answered.
 * @throws what the making of the first piece throws.
 */
export async function sendPieces(
  reply: FastifyReply,
  contentType: string,
  make: (signal: AbortSignal) => AsyncGenerator<string | Buffer>,
  end: () => void,
): Promise<void> {
  const { raw } = reply;
  if (reply.request.method === 'HEAD') {
    // Fastify would have all of it made, and throw it away.
    end();
    await reply.header('Content-Type', contentType).send();
    return;
  }
  const left = new AbortController();
  const pieces = make(left.signal);
  raw.once('close', () => {
    left.abort();
    // After what it is at: so many at once are bounded, whether or not their clients wait.
    void pieces
      .return(undefined)
      .catch(() => {})
      .finally(end);
  });
  let first: IteratorResult<string | Buffer, unknown>;
  try {
    first = await pieces.next();
  } catch (error) {
    if (!left.signal.aborted) throw error;
    reply.hijack();
    return;
  }
  if (left.signal.aborted || raw.destroyed) {
    reply.hijack();
    await pieces.return(undefined);
    return;
  }
  raw.setTimeout(STALLED_MS, () => raw.destroy());
  await reply.header('Content-Type', contentType).send(Readable.from(goOn(first, pieces), { highWaterMark: 1 }));
}

async function* goOn(first: IteratorResult<string | Buffer, unknown>, rest: AsyncGenerator<string | Buffer>) {
  if (first.done) return;
  try {
    yield first.value;
    yield* rest;
  } catch (error) {
    logger.warn(`an answer was broken off: ${(error as Error).message}`);
    throw error;
  }
}
