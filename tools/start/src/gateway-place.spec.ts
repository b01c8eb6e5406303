import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { makeCerts } from './certs.ts';
import { gatewayPlace, get } from './gateway-place.ts';
import { welcome } from './welcome.ts';

describe('the place of the gateways', () => {
  it.each([
    [{}, '127.0.0.1', undefined, 'http://127.0.0.1:1'],
    [{ WEB_HOST: '' }, '127.0.0.1', undefined, 'http://127.0.0.1:1'],
    [{ WEB_HOST: '0.0.0.0' }, '0.0.0.0', undefined, 'http://127.0.0.1:1'],
    [{ WEB_HOST: '::1' }, '[::1]', undefined, 'http://[::1]:1'],
    [{ TLS_CERT_PATH: 'c.pem', TLS_KEY_PATH: 'k.pem' }, '127.0.0.1', 'c.pem', 'https://127.0.0.1:1'],
    [{ USE_SSL: 'true' }, '127.0.0.1', '/app/certs/cert.pem', 'https://127.0.0.1:1'],
    [{ USE_SSL: 'false', SSL_CERT_PATH: 'c.pem' }, '127.0.0.1', undefined, 'http://127.0.0.1:1'],
  ])('with %j is %s', (env, host, certificate, origin) => {
    const place = gatewayPlace(env);
    expect([place.host, place.certificate, place.originOf(1)]).toEqual([host, certificate, origin]);
  });

  it('is asked with and without TLS, and a welcome names the certificate', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'depthcast-place-'));
    const { cert, key } = await makeCerts(folder, { force: false });
    const answer: RequestListener = ({ url }, response) => {
      response.writeHead(url === '/symbols' ? 200 : 503);
      response.end('{"details":[{"symbol":"BTCUSD","data_types":["MBP"]}]}');
    };
    const pair = { cert: readFileSync(cert), key: readFileSync(key) };
    for (const isSecure of [false, true]) {
      const server = isSecure ? createSecureServer(pair, answer) : createServer(answer);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      const place = gatewayPlace(isSecure ? { TLS_CERT_PATH: cert } : {});
      expect((await get(`${place.originOf(port)}/symbols`, 1_000)).isOk).toBe(true);
      expect((await get(`${place.originOf(port)}/ready`, 1_000)).isOk).toBe(false);
      const text = await welcome(place, [port], undefined);
      expect(text).toContain(`-N '${place.originOf(port)}/stream?streams=BTCUSD:MBP:10'`);
      expect(text.includes(`curl --cacert '${cert}'`)).toBe(isSecure);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
    await expect(get('http://127.0.0.1:1/', 1_000)).rejects.toThrow('ECONNREFUSED');
    rmSync(folder, { recursive: true });
  });
});
