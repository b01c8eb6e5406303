import { createHash, timingSafeEqual } from 'node:crypto';
import { DepthcastError, toErrorAnswer } from '@depthcast/protocol';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';

/** What probes and scrapers ask, who have no token. */
const OPEN_PATHS: readonly string[] = ['/health', '/ready', '/metrics'];

/** With a token, whoever does not show it (`Authorization: Bearer …`) is told nothing of the history. */
export function requireToken(app: NestFastifyApplication, token: string | undefined): void {
  if (token === undefined) return;
  const expected = digest(`Bearer ${token}`);
  app
    .getHttpAdapter()
    .getInstance()
    .addHook('onRequest', async (request, reply) => {
      const [path = ''] = request.url.split('?', 1);
      if (OPEN_PATHS.includes(path)) return;
      const { authorization } = request.headers;
      // Digests are of one length, whatever came.
      if (authorization !== undefined && timingSafeEqual(digest(authorization), expected)) return;
      const error =
        authorization === undefined
          ? new DepthcastError('TOKEN_MISSING', 'the journal is asked with Authorization: Bearer and its JOURNAL_TOKEN')
          : new DepthcastError('TOKEN_INVALID', 'Authorization is not Bearer and this journal’s JOURNAL_TOKEN');
      await reply.status(error.status).header('WWW-Authenticate', 'Bearer').send(toErrorAnswer(error));
    });
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
