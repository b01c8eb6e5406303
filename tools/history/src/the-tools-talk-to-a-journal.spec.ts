import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const MAIN = join(import.meta.dirname, 'main.ts');
let server: Server;
let url = '';
let folder = '';
let answer: Answer;
const asked: string[] = [];

beforeEach(async () => {
  asked.length = 0;
  folder = await mkdtemp(join(tmpdir(), 'depthcast-tools-'));
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

function run(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const env = { ...process.env, INIT_CWD: folder, JOURNAL_HTTP_URL: url, GATEWAY_HTTP_URL: url };
  const child = spawn(process.execPath, [MAIN, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let [out, err] = ['', ''];
  child.stdout.on('data', (piece) => (out += piece));
  child.stderr.on('data', (piece) => (err += piece));
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })));
}

const VERDICT = {
  ok: true,
  rows: 10,
  epochs: 1,
  holes: 0,
  dropped: 0,
  snapshots: 2,
  checksums: 3,
  problem_count: 0,
  problems: [],
};

describe('npm run verify', () => {
  it('shows progress, says the verdict, and exits by it', async () => {
    answer = (_request, response) => {
      response.write(`{"progress":{"partition":0,"rows":5,"of":10,"cursor":"1-4"}}\n{"verd`);
      response.end(`ict":${JSON.stringify(VERDICT)}}\n`);
    };
    const good = await run('verify');
    expect(asked).toEqual(['POST /internal/verify']);
    expect(good).toMatchObject({ code: 0, err: '50 %  5 of 10 events, at 1-4\n' });
    expect(good.out).toMatch(/^ok: 10 events in 1 epochs/);
    answer = (_request, response) => {
      response.write('{"progress":{"partition":2,"rows":9,"of":10,"cursor":"1-4"}}\n');
      const bad = { ...VERDICT, ok: false, problem_count: 1, problems: ['after 1-3 comes 1-5'] };
      response.end(`{"verdict":${JSON.stringify(bad)}}\n`);
    };
    const bad = await run('verify');
    expect(bad.code).toBe(1);
    expect(bad.err).toBe('90 %  9 of 10 events, at 1-4 of partition 2\n');
    expect(bad.out).toContain('after 1-3 comes 1-5');
  });

  it('fails, and says why, when there is no verdict or no journal', async () => {
    answer = (_request, response) => response.writeHead(503).end('{"message":"one is being made already"}');
    expect(await run('verify')).toMatchObject({ code: 1, err: 'the journal answers 503: one is being made already\n' });
    answer = (_request, response) => response.end('');
    expect(await run('verify')).toMatchObject({ code: 1 });
    const none = await run('verify', '--journal', 'http://127.0.0.1:9');
    expect(none.code).toBe(1);
    expect(none.err).toContain('http://127.0.0.1:9 does not answer');
  });
});

describe('npm run export', () => {
  it('leaves a whole file in the folder that npm was called in', async () => {
    answer = (_request, response) => response.end('PAR1rowsPAR1');
    const { code } = await run('export', '--out', 'a.parquet', '--from', '2026-01-01', '--data', 'trades');
    expect(code).toBe(0);
    expect(asked[0]).toBe('GET /api/history/export?format=parquet&data=trades&start_time=2026-01-01');
    expect(await readFile(join(folder, 'a.parquet'), 'utf8')).toBe('PAR1rowsPAR1');
    expect(await readdir(folder)).toEqual(['a.parquet']);
  });

  it('leaves none when the answer breaks off', async () => {
    answer = (_request, response) => {
      response.write('id,type\n');
      setImmediate(() => response.destroy());
    };
    const { code, err } = await run('export', '--out', 'a.csv');
    expect(code).toBe(1);
    expect(err).toContain('broke');
    expect(existsSync(join(folder, 'a.csv'))).toBe(false);
    expect(await readdir(folder)).toEqual([]);
  });

  it('writes to stdout too', async () => {
    answer = (_request, response) => response.end('id,type\r\n');
    expect(await run('export', '--out', '-')).toMatchObject({ code: 0, out: 'id,type\r\n' });
  });
});

describe('npm run replay', () => {
  const frame = (n: number) =>
    `id: 1-${n}\nevent: trade\ndata: {"ts_ns":${1_767_225_600_000_000_000n + BigInt(n)}}\n\n`;
  const history: Answer = (request, response) => {
    if (request.url === '/api/history/stats') {
      response.end('{"partitions":[{"partition":0,"cursor":"1-6","time":1767225600000}]}');
      return;
    }
    response.write('event: connection_info\ndata: {}\n\n');
    response.write(frame(2) + frame(3).slice(0, 20));
    response.write(frame(3).slice(20));
    response.write(`: keep-alive\n\nid: 1-6\n\n${frame(8)}`);
  };

  it('shows each event of the past once, and ends where the history ended', async () => {
    answer = history;
    const { code, out, err } = await run('replay', '--from', '1-1', '--speed', 'max', 'A:TRADES');
    expect(asked[1]).toBe('GET /stream?streams=A%3ATRADES&from=1-1&speed=max');
    expect(code).toBe(0);
    expect(out.split('\n').map((line) => line.slice(0, 9))).toEqual(['1-2 trade', '1-3 trade', '']);
    expect(err).toContain('2 events in');
  });

  it('ends where every partition has come to its end', async () => {
    const id = (parts: readonly number[]) => parts.map((offset) => `a-${offset.toString(36)}`).join('_');
    const said = (parts: readonly number[]) =>
      `id: ${id(parts)}\nevent: trade\ndata: {"ts_ns":1767225600000000000}\n\n`;
    answer = (request, response) => {
      if (request.url === '/api/history/stats') {
        // Of the second nothing is stored yet.
        const ends = [0, 2].map((partition) => ({ partition, cursor: '10-40', time: 1_767_225_600_000 + partition }));
        response.end(JSON.stringify({ partitions: ends }));
        return;
      }
      response.write('event: connection_info\ndata: {}\n\n');
      response.write(
        [
          [1, 0, 0],
          [40, 0, 7],
          [41, 3, 39],
        ]
          .map(said)
          .join(''),
      );
      response.write(`id: ${id([41, 3, 40])}\n\n${said([42, 3, 41])}`);
    };
    const { code, out, err } = await run('replay', '--from', id([0, 0, 0]), '--speed', 'max');
    expect(asked[1]).toBe(`GET /api/stream?types=all&from=${id([0, 0, 0])}&speed=max`);
    expect(code).toBe(0);
    expect(out.split('\n').map((line) => line.split(' ')[0])).toEqual([
      id([1, 0, 0]),
      id([40, 0, 7]),
      id([41, 3, 39]),
      '',
    ]);
    expect(err).toContain('3 events in');
  });

  it('counts alone when it is quiet, and fails when the stream ends before its end', async () => {
    answer = (request, response) => {
      if (request.url === '/api/history/stats') history(request, response);
      else response.end(frame(2));
    };
    const { code, out, err } = await run('replay', '--from', '1-1', '--quiet');
    expect(asked[1]).toBe('GET /api/stream?types=all&from=1-1&speed=1');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toContain('ended the stream after 1 events');
  });
});
