import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Env } from './commands.ts';

const LOOPBACK = '127.0.0.1';
/** Hosts that stand for every address of this machine. */
const EVERYWHERE = ['0.0.0.0', '::', '[::]'];
const BODY_CHARS_MAX = 1 << 20;

/** Where gateways listen, and how they are spoken to from here. */
export interface GatewayPlace {
  /** For `--addr`: an IPv6 address stands in its brackets. */
  readonly host: string;
  /** The certificate that they show; undefined: plain HTTP. */
  readonly certificate: string | undefined;
  /** @returns an address such as `https://127.0.0.1:8081` */
  originOf(port: number): string;
}

/** What the environment says of it: the gateways read the same. */
export function gatewayPlace(env: Env): GatewayPlace {
  const host = bracketed(env.WEB_HOST?.trim() || LOOPBACK);
  const isSsl = ['true', '1'].includes(env.USE_SSL?.trim().toLowerCase() ?? '');
  const certificate = env.TLS_CERT_PATH || (isSsl ? env.SSL_CERT_PATH || '/app/certs/cert.pem' : undefined);
  const near = EVERYWHERE.includes(host) ? LOOPBACK : host;
  const scheme = certificate === undefined ? 'http' : 'https';
  return { host, certificate, originOf: (port) => `${scheme}://${near}:${port}` };
}

/** A GET whose answer is short. Of an app that was started here nobody has to prove who it is. */
export function get(url: string, timeoutMs: number): Promise<{ readonly isOk: boolean; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const options = { agent: false, timeout: timeoutMs };
    const sent = url.startsWith('https:')
      ? requestHttps(url, { ...options, rejectUnauthorized: false })
      : requestHttp(url, options);
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    sent.on('error', reject);
    sent.on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
        if (text.length > BODY_CHARS_MAX) sent.destroy(new Error('the answer is too long'));
      });
      response.on('end', () => resolve({ isOk: response.statusCode === 200, text }));
      response.on('error', reject);
    });
    sent.end();
  });
}

function bracketed(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}
