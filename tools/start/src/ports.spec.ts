import { type AddressInfo, createServer } from 'node:net';
import { expect, it } from '@jest/globals';
import { freePort, requireFreePorts } from './ports.ts';

it('every port in use is named, the free ones are not', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const free = await freePort();
  const check = requireFreePorts([
    { name: 'gateway-1', port: free },
    { name: 'gateway-2', port },
  ]);
  await expect(check).rejects.toMatchObject({
    code: 'PORT_IN_USE',
    message: expect.stringMatching(new RegExp(`^port ${port} \\(gateway-2\\) is in use`)),
  });
  await new Promise((resolve) => server.close(resolve));
  await expect(requireFreePorts([{ name: 'gateway-2', port }])).resolves.toBeUndefined();
});
