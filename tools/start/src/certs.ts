import { chmodSync, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { StartError } from './errors.ts';

export interface CertFiles {
  readonly cert: string;
  readonly key: string;
}

const KEY_MODE = 0o600;
const CERT_MODE = 0o644;
const DAYS_VALID = 365;
const DAY_MS = 86_400_000;
/** A client whose clock is behind may still use it at once. */
const BACKDATED_MS = 3_600_000;
/** As X.509 numbers the kinds of alternative names. */
const DNS_NAME = 2;
const IP_ADDRESS = 7;

export const CERTS_HELP = `Makes a self-signed certificate for this machine, for a year, and its key.

  npm run certs                       .depthcast/certs/cert.pem and key.pem
  npm run certs -- --force            the same, over those that are there

It names localhost, 127.0.0.1 and ::1. Nobody trusts it who is not told to (curl --cacert FILE): it is for trying out.`;

/**
 * Reads the command line.
 *
 * @throws StartError `CONFIG_INVALID`
 */
export function parseCertsOptions(argv: readonly string[]): { readonly force: boolean } | 'help' {
  try {
    const options = { force: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const;
    const { values } = parseArgs({ args: [...argv], options });
    return values.help ? 'help' : { force: values.force === true };
  } catch (error) {
    const [message] = (error as Error).message.split(/\. |\n/);
    throw new StartError('CONFIG_INVALID', `${message}. npm run certs -- --help lists the options`, { cause: error });
  }
}

/**
 * Writes a self-signed pair into a folder.
 *
 * @throws StartError `CONFIG_INVALID` when one is there that may not be written over.
 */
export async function makeCerts(folder: string, { force }: { readonly force: boolean }): Promise<CertFiles> {
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  const there = [files.cert, files.key].find((file) => existsSync(file));
  if (there !== undefined && !force) {
    throw new StartError('CONFIG_INVALID', `${there} is there already: --force makes another one in its place`);
  }
  // Here, since most of who imports this tool makes none.
  const { generate } = await import('selfsigned');
  const now = Date.now();
  const pair = await generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(now - BACKDATED_MS),
    notAfterDate: new Date(now + DAYS_VALID * DAY_MS),
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true },
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: DNS_NAME, value: 'localhost' },
          { type: IP_ADDRESS, ip: '127.0.0.1' },
          { type: IP_ADDRESS, ip: '::1' },
        ],
      },
    ],
  });
  mkdirSync(folder, { recursive: true });
  write(files.key, pair.private, KEY_MODE);
  write(files.cert, pair.cert, CERT_MODE);
  return files;
}

/** In one step, and never readable by others meanwhile: a gateway may be looking. */
function write(path: string, text: string, mode: number): void {
  const fresh = `${path}.new`;
  writeFileSync(fresh, text, { mode });
  // The mode above is only for a file that is new.
  chmodSync(fresh, mode);
  renameSync(fresh, path);
}
