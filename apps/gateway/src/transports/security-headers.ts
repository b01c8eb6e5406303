/**
 * What every answer tells a browser: to take it for what it says it is, to show it in no frame, to name it to nobody.
 * By hand, since half of the answers here are streams that are written past Fastify, where no plugin's headers reach.
 */
export const SECURITY_HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
} as const;
