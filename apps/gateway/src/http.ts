import type { AppOptions } from '@depthcast/ops';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';

const SOCKET_BUFFER_BYTES = 1 << 20;

/**
 * A write below the high water mark leaves Node nothing to remember; beyond it every write schedules a drain event.
 * We look at `writableLength` ourselves, so the mark is put where no batch reaches it.
 */
export const SERVER_OPTIONS: NonNullable<AppOptions['http']> = { http: { highWaterMark: SOCKET_BUFFER_BYTES } };

/** For everything but the streams, and for their preflights: a long Last-Event-ID triggers one. */
export function useCors(app: NestFastifyApplication, origins: readonly string[]): void {
  app.enableCors({
    origin: origins.includes('*') ? '*' : [...origins],
    methods: ['GET', 'HEAD', 'OPTIONS'],
    allowedHeaders: ['Last-Event-ID', 'Cache-Control', 'Content-Type', 'Authorization'],
    maxAge: 86_400,
  });
}
