import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from '@jest/globals';

const LIB = fileURLToPath(new URL('..', import.meta.url));

/** An app as its own process, from the built library: `after` runs once it listens. */
const program = (after: string) => `
  import { Module } from '@nestjs/common';
  import { createLogger, fatal, OpsModule, runApp, runMain, settings, loadConfig } from '@depthcast/ops';
  import { DepthcastError } from '@depthcast/protocol';
  import { z } from 'zod';
  class App {}
  Module({ imports: [OpsModule.forRoot({ name: 'probe' })] })(App);
  await runMain('probe', async () => {
    const { ADDR } = loadConfig(z.object({ ADDR: settings.addr('127.0.0.1:0') }), process.env);
    await runApp({ name: 'probe', module: App, addr: ADDR, logger: createLogger('probe', 'info') });
    ${after}
  });
`;

type Line = Record<string, unknown> & { level: string; msg: string };

describe('the process of an app', () => {
  let child: ChildProcess;
  const lines: Line[] = [];
  /** Exit code and signal, once all that it said has been read. */
  let exit: Promise<unknown[]>;

  const run = (after: string, env: Record<string, string> = {}): ChildProcess => {
    lines.length = 0;
    child = spawn(process.execPath, ['--input-type=module', '-e', program(after)], {
      cwd: LIB,
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const reader = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    // Its last lines may be read after it has closed.
    const closed = Promise.all([once(child, 'close'), once(reader, 'close')]);
    exit = closed.then(([codes]) => codes);
    reader.on('line', (text) => {
      lines.push(JSON.parse(text) as Line);
      child.emit(lines.at(-1)?.msg ?? '');
    });
    return child;
  };

  afterEach(() => {
    child.kill('SIGKILL');
  });

  it('logs its real address, stops once on two SIGTERMs and exits 0', async () => {
    await once(run(''), 'listening');
    const addr = lines.find((line) => line.msg === 'listening')?.addr;
    expect(addr).toMatch(/^127\.0\.0\.1:[1-9]\d+$/);
    expect((await fetch(`http://${addr}/health`)).status).toBe(200);
    child.kill('SIGTERM');
    child.kill('SIGTERM');
    expect(await exit).toEqual([0, null]);
    expect(lines.filter((line) => line.msg === 'stopping')).toHaveLength(1);
  });

  it('leaves after SHUTDOWN_MS when a hook never ends', async () => {
    const hang = `(await import('node:http')).Server.prototype.close = () => {};`;
    await once(run(hang, { SHUTDOWN_MS: '200' }), 'listening');
    await new Promise((resolve) => setTimeout(resolve, 100));
    child.kill('SIGTERM');
    expect(await exit).toEqual([1, null]);
    expect(lines.at(-1)).toMatchObject({ level: 'error', msg: 'shutdown took too long' });
  });

  it('stops when the parent that holds its stdin is gone', async () => {
    await once(run('', { STOP_ON_STDIN_END: 'true' }), 'listening');
    child.stdin?.end();
    expect(await exit).toEqual([0, null]);
  });

  it('ends with one fatal line and exit 2 on a bad variable', async () => {
    run('', { ADDR: 'nowhere' });
    expect(await exit).toEqual([2, null]);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ level: 'fatal', code: 'CONFIG_INVALID', exit: 2 });
    expect(lines[0]?.msg).toContain('ADDR: got "nowhere"');
  });

  it('ends with 1 on an error nobody handled, and with its own code on a named one', async () => {
    run(`Promise.reject(new Error('redis://u:hunter2@h failed'));`);
    expect(await exit).toEqual([1, null]);
    expect(lines.at(-1)).toMatchObject({ level: 'fatal', msg: 'redis://u:***@h failed' });
    expect(JSON.stringify(lines)).not.toContain('hunter2');

    run(`setImmediate(() => { throw new DepthcastError('FENCED', 'term 2'); });`);
    expect(await exit).toEqual([3, null]);
    expect(lines.filter((line) => line.level === 'fatal')).toEqual([
      expect.objectContaining({ code: 'FENCED', msg: 'term 2' }),
    ]);
  });
});
