import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from '@jest/globals';

const PROGRAM = `
  import { watchParent } from '${new URL('./parent-watch.ts', import.meta.url)}';
  watchParent(process.env, () => { console.log('gone'); process.exit(); });
  console.log('watching');
  setTimeout(() => process.exit(), 10_000);
`;

it('what npm started notices that the shell between them has died', async () => {
  // The second command keeps sh from becoming node itself.
  const sh = spawn('sh', ['-c', '"$NODE" --input-type=module -e "$PROGRAM"; true'], {
    env: { ...process.env, NODE: process.execPath, PROGRAM, npm_lifecycle_event: 'start' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  sh.stdout.setEncoding('utf8');
  expect(await once(sh.stdout, 'data')).toEqual(['watching\n']);
  sh.kill('SIGTERM');
  expect(await once(sh.stdout, 'data')).toEqual(['gone\n']);
});
