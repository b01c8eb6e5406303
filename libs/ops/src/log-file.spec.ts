import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { loadConfig } from './config.ts';
import { openLogFile } from './log-file.ts';
import { logSettings, openLogger } from './logger.ts';

const LIB = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'depthcast-log-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What is in the log's only file. */
const fileOf = (logs: string): { name: string; lines: Record<string, unknown>[] } => {
  const [name = ''] = readdirSync(logs);
  const lines = readFileSync(join(logs, name), 'utf8').trim().split('\n');
  return { name, lines: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
};

describe('a log file', () => {
  it('is not written unless LOG_TO_FILE asks for it, and then goes to logs', () => {
    expect(loadConfig(z.object(logSettings), {})).toEqual({ LOG_LEVEL: 'info', LOG_TO_FILE: false, LOG_DIR: 'logs' });
  });

  it('has every line that stdout has, to the last before an exit, without secrets', () => {
    const logs = join(folder, 'deep', 'er');
    const program = `
      import { openLogger } from './src/logger.ts';
      const config = { LOG_LEVEL: 'info', LOG_TO_FILE: true, LOG_DIR: ${JSON.stringify(logs)} };
      const logger = await openLogger('probe', config, { host: '127.0.0.1', port: 8081 });
      for (let n = 0; n < 500; n++) logger.info({ n, token: 'hunter2' }, 'redis://u:hunter2@h');
      logger.fatal('last');
      process.exit(3);
    `;
    let stdout = '';
    try {
      const args = ['--conditions=@depthcast/source', '--input-type=module', '-e', program];
      execFileSync(process.execPath, args, { cwd: LIB, encoding: 'utf8' });
    } catch (error) {
      stdout = (error as { stdout: string }).stdout;
    }
    const { name, lines } = fileOf(logs);
    expect(name).toMatch(/^probe-8081\.\d{4}-\d\d-\d\d\.1\.log$/);
    expect(lines).toHaveLength(501);
    expect(lines.at(-1)).toMatchObject({ level: 'fatal', app: 'probe', msg: 'last' });
    expect(readFileSync(join(logs, name), 'utf8')).toBe(stdout);
    expect(stdout).not.toContain('hunter2');
  });

  it('that has grown enough is followed by another, the oldest go, and no line is lost between two', async () => {
    const logs = join(folder, 'rotated');
    const file = await openLogFile(logs, 'probe', (error) => expect(error).toBeUndefined(), '1k');
    const numbers = (): number[] => readdirSync(logs).map((name) => Number(name.split('.')[2]));
    const written: string[] = [];
    for (let n = 0; Math.max(0, ...numbers()) < 20; n++) {
      const line = `${JSON.stringify({ n, filler: 'x'.repeat(200) })}\n`;
      file.write(line);
      written.push(line);
      do await new Promise((resolve) => setTimeout(resolve, 1));
      while (numbers().length > 14);
    }
    const kept = numbers().sort((a, b) => a - b);
    expect(kept).toEqual(Array.from({ length: 14 }, (_, i) => 7 + i));
    const [prefix = ''] = readdirSync(logs)[0]?.split(/\d+\.log$/) ?? [];
    const text = kept.map((number) => readFileSync(join(logs, `${prefix}${number}.log`), 'utf8')).join('');
    expect(written.join('').endsWith(text)).toBe(true);
    (file as unknown as { end(): void }).end();
  });

  it('in a place that cannot be one is refused with the variable named', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    chmodSync(file, 0o400);
    const config = { LOG_LEVEL: 'info', LOG_TO_FILE: true, LOG_DIR: join(file, 'logs') };
    await expect(openLogger('probe', config, { host: '127.0.0.1', port: 0 })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(`LOG_DIR: got ${file}/logs`),
    });
  });
});
