import { type AddressInfo, createServer } from 'node:net';
import { StartError } from './errors.ts';

export const PORT_MAX = 65_535;

/** A port of loopback that nobody listens on at this moment. */
export function freePort(): Promise<number> {
  return listenOnce(0);
}

export async function isFree(port: number): Promise<boolean> {
  return listenOnce(port).then(
    () => true,
    () => false,
  );
}

/** @throws StartError `PORT_IN_USE` naming every port that somebody listens on. */
export async function requireFreePorts(
  wanted: readonly { readonly name: string; readonly port: number }[],
): Promise<void> {
  const taken: string[] = [];
  for (const { name, port } of wanted) {
    try {
      await listenOnce(port);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'EACCES') throw new StartError('CONFIG_INVALID', `port ${port} (${name}) needs root: use --port`);
      if (code !== 'EADDRINUSE') throw error;
      taken.push(`port ${port} (${name})`);
    }
  }
  if (taken.length > 0) {
    throw new StartError(
      'PORT_IN_USE',
      `${taken.join(', ')} ${taken.length === 1 ? 'is' : 'are'} in use: stop what listens there, or choose others with --port`,
    );
  }
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const bound = (server.address() as AddressInfo).port;
      server.close(() => resolve(bound));
    });
  });
}
