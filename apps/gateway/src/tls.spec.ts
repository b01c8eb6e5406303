import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CertFiles, makeCerts } from '@depthcast/start';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readTlsPair } from './tls.ts';

describe('a certificate and its key', () => {
  let folder: string;
  let pair: CertFiles;
  let other: CertFiles;
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const read = (cert: string, key: string) =>
    readTlsPair({ cert: { variable: 'TLS_CERT_PATH', path: cert }, key: { variable: 'TLS_KEY_PATH', path: key } });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'depthcast-pair-'));
    pair = await makeCerts(folder, { force: true });
    other = await makeCerts(join(folder, 'other'), { force: true });
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('are read, for TLS 1.2 and newer', () => {
    expect(read(pair.cert, pair.key)).toEqual({
      cert: expect.any(Buffer),
      key: expect.any(Buffer),
      minVersion: 'TLSv1.2',
    });
  });

  it('are refused when they are missing, unreadable, something else or of two pairs, by the name of the setting', () => {
    const nowhere = join(folder, 'nowhere.pem');
    const garbage = file('garbage.pem', 'no PEM');
    const passphrase = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' } as const;
    const locked = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: passphrase,
    }).privateKey;
    const cases: [cert: string, key: string, message: string][] = [
      [nowhere, pair.key, `TLS_CERT_PATH: got "${nowhere}", takes a file that can be read (ENOENT)`],
      [pair.cert, nowhere, `TLS_KEY_PATH: got "${nowhere}", takes a file that can be read (ENOENT)`],
      [folder, pair.key, `TLS_CERT_PATH: got "${folder}", takes a file that can be read (EISDIR)`],
      [garbage, pair.key, `TLS_CERT_PATH: got "${garbage}", takes a certificate in PEM`],
      [pair.cert, garbage, `TLS_KEY_PATH: got "${garbage}", takes a private key in PEM, without a passphrase`],
      [pair.cert, file('locked.pem', locked), 'takes a private key in PEM, without a passphrase'],
      [pair.cert, other.key, `TLS_KEY_PATH: got "${other.key}", takes the key of the certificate of TLS_CERT_PATH`],
      [pair.key, pair.cert, `TLS_CERT_PATH: got "${pair.key}", takes a certificate in PEM`],
    ];
    for (const [cert, key, message] of cases) {
      let error: unknown;
      try {
        read(cert, key);
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) });
    }
  });
});
