import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { createSecureContext, type SecureVersion } from 'node:tls';
import { DepthcastError } from '@depthcast/protocol';

/** A file, and the setting that names it. */
export interface NamedFile {
  readonly variable: string;
  readonly path: string;
}

/** Where the certificate, with whatever leads to its root, and its key are, as PEM. */
export interface TlsFiles {
  readonly cert: NamedFile;
  readonly key: NamedFile;
}

export interface TlsPair {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly minVersion: SecureVersion;
}

/** The part of a TLS server that takes another pair. */
export interface SecureServer {
  setSecureContext(pair: TlsPair): void;
}

interface Log {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const MIN_VERSION: SecureVersion = 'TLSv1.2';
/** By looking rather than by being told: what tells is silent for folders that are mounted, as Kubernetes' secrets are. */
const LOOK_EVERY_MS = 5_000;

/**
 * Reads a pair, and finds out whether it is one.
 *
 * @throws DepthcastError `CONFIG_INVALID` naming the variable of the file that is wrong.
 */
export function readTlsPair({ cert, key }: TlsFiles): TlsPair {
  const pair = { cert: read(cert), key: read(key), minVersion: MIN_VERSION };
  const certificate = parse(cert, 'a certificate in PEM', () => new X509Certificate(pair.cert));
  const privateKey = parse(key, 'a private key in PEM, without a passphrase', () => createPrivateKey(pair.key));
  if (!certificate.checkPrivateKey(privateKey)) {
    throw invalid(key, `takes the key of the certificate of ${cert.variable}`);
  }
  // What is left: a chain that cannot be read, a key that is too weak for OpenSSL.
  parse(cert, 'a pair that TLS takes', () => createSecureContext(pair));
  return pair;
}

/**
 * Has a server take the pair anew when either file has changed, and on SIGHUP. One that is none is logged and left:
 * the next one may be, for the two are seldom written at once. Connections that are open stay as they are.
 *
 * @returns what ends it.
 */
export function renewTls(server: SecureServer, files: TlsFiles, log: Log, lookEveryMs = LOOK_EVERY_MS): () => void {
  const renew = (): void => {
    try {
      server.setSecureContext(readTlsPair(files));
      log.info({ cert: files.cert.path }, 'the certificate has been read again');
    } catch (error) {
      log.error({ code: 'CONFIG_INVALID', reason: (error as Error).message }, 'the certificate stays the one before');
    }
  };
  const paths = [files.cert.path, files.key.path];
  for (const path of paths) watchFile(path, { interval: lookEveryMs, persistent: false }, renew);
  process.on('SIGHUP', renew);
  return () => {
    for (const path of paths) unwatchFile(path, renew);
    process.off('SIGHUP', renew);
  };
}

function read(file: NamedFile): Buffer {
  try {
    return readFileSync(file.path);
  } catch (error) {
    throw invalid(file, `takes a file that can be read (${(error as NodeJS.ErrnoException).code})`, error);
  }
}

function parse<T>(file: NamedFile, takes: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw invalid(file, `takes ${takes}`, error);
  }
}

function invalid({ variable, path }: NamedFile, rest: string, cause?: unknown): DepthcastError {
  return new DepthcastError('CONFIG_INVALID', `${variable}: got ${JSON.stringify(path)}, ${rest}`, { cause });
}
