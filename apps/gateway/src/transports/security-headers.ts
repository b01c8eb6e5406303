/**
 * What a stream tells a browser: to take it for what it says it is, to show it in no frame, to name it to nobody.
 * By hand, since streams are written past Fastify, where the headers of its plugin for all other answers do not reach.
 */
export const SECURITY_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
} as const;
