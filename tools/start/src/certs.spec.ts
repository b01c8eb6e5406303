import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { makeCerts, parseCertsOptions } from './certs.ts';

describe('npm run certs', () => {
  let folder: string;

  beforeEach(() => {
    folder = join(mkdtempSync(join(tmpdir(), 'certs-')), 'certs');
  });

  afterEach(() => rmSync(join(folder, '..'), { recursive: true, force: true }));

  it('makes a pair for this machine alone, whose key nobody else can read', async () => {
    const files = await makeCerts(folder, { force: false });
    expect(files).toEqual({ cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') });
    const certificate = new X509Certificate(readFileSync(files.cert));
    expect(certificate.checkPrivateKey(createPrivateKey(readFileSync(files.key)))).toBe(true);
    expect(certificate.checkHost('localhost')).toBe('localhost');
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkIP('::1')).toBe('::1');
    expect(certificate.checkHost('example.com')).toBeUndefined();
    expect(certificate.ca).toBe(false);
    expect(new Date(certificate.validFrom).getTime()).toBeLessThan(Date.now());
    expect(statSync(files.key).mode & 0o777).toBe(0o600);
  });

  it('leaves what is there, and with --force makes another one, whose key nobody else can read either', async () => {
    const { cert, key } = await makeCerts(folder, { force: false });
    const before = readFileSync(cert, 'utf8');
    await expect(makeCerts(folder, { force: false })).rejects.toThrow(`${cert} is there already: --force`);
    expect(readFileSync(cert, 'utf8')).toBe(before);
    rmSync(cert);
    await expect(makeCerts(folder, { force: false })).rejects.toThrow(`${key} is there already`);
    writeFileSync(`${key}.new`, '', { mode: 0o666 });
    await makeCerts(folder, { force: true });
    expect(readFileSync(cert, 'utf8')).not.toBe(before);
    expect(statSync(key).mode & 0o777).toBe(0o600);
  });

  it('takes --force and nothing else', () => {
    expect(parseCertsOptions([])).toEqual({ force: false });
    expect(parseCertsOptions(['--force'])).toEqual({ force: true });
    expect(parseCertsOptions(['-h'])).toBe('help');
    expect(() => parseCertsOptions(['--days', '1'])).toThrow("Unknown option '--days'");
  });
});
