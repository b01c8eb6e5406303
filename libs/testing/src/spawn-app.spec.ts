import { afterEach, describe, expect, it } from '@jest/globals';
import { App, spawnApp } from './spawn-app.ts';

const PROGRAM = `
  import { createServer } from 'node:http';
  const log = (msg, fields) => console.log(JSON.stringify({ level: 'info', msg, ...fields }));
  console.error('plain words');
  const server = createServer((request, reply) => reply.writeHead(request.url === '/ready' ? 200 : 404).end());
  server.listen(0, '127.0.0.1', () => log('listening', { addr: '127.0.0.1:' + server.address().port, env: process.env.X }));
  process.on('SIGTERM', () => { log('stopped'); process.exit(0); });
`;

describe('a spawned app', () => {
  let app: App;
  const run = (program: string, env = {}) => {
    app = new App('probe', ['--input-type=module', '-e', program], env);
    return app;
  };
  afterEach(() => app.kill());

  it('tells its real address, its lines and its exit', async () => {
    const url = await run(PROGRAM, { X: 'y' }).ready();
    expect((await fetch(`${url}/nothing`)).status).toBe(404);
    expect(await app.line((line) => line.msg === 'listening')).toMatchObject({ env: 'y', level: 'info' });
    expect(app.lines).toContainEqual({ msg: 'plain words' });
    expect(await app.stop()).toEqual({ code: 0, signal: null });
    expect(app.lines.at(-1)?.msg).toBe('stopped');
    expect(app.running).toBe(false);
  });

  it('is killed', async () => {
    await run(PROGRAM).listening();
    expect(await app.kill()).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('that ends too early is reported with its last words', async () => {
    run("console.error('no Redis'); process.exit(2)");
    await expect(app.listening()).rejects.toThrow(/probe ended with {"code":2,"signal":null}:\n.*no Redis/);
  });

  it('must have been built', () => {
    expect(() => spawnApp('nonsense')).toThrow('build first');
  });
});
