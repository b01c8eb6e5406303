import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CERTS_HELP, makeCerts, parseCertsOptions } from './certs.ts';
import { EXIT_CONFIG, StartError } from './errors.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

try {
  const options = parseCertsOptions(process.argv.slice(2));
  if (options === 'help') console.log(CERTS_HELP);
  else {
    const { cert, key } = await makeCerts(join(ROOT, '.depthcast', 'certs'), options);
    console.log(`TLS_CERT_PATH=${cert}\nTLS_KEY_PATH=${key}`);
  }
} catch (error) {
  if (!(error instanceof StartError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = EXIT_CONFIG;
}
