import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, ForbiddenException, Get, Module, Res } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply } from 'fastify';
import { createLogger } from './logger.ts';
import { OpsModule } from './ops.module.ts';
import { startApp } from './run-app.ts';

@Controller()
class ProbeController {
  @Get('fine')
  fine(): string {
    return 'fine';
  }

  @Get('refused')
  refused(): never {
    throw new ForbiddenException();
  }

  @Get('stream')
  stream(@Res() reply: FastifyReply): void {
    reply.hijack();
    reply.raw.writeHead(200, { 'content-type': 'text/event-stream' }).write(':hello\n\n');
  }
}

@Module({ imports: [OpsModule.forRoot({ name: 'probe' })], controllers: [ProbeController] })
class ProbeModule {}

type Line = Record<string, unknown> & { msg: string };

describe('the log of requests', () => {
  let app: NestFastifyApplication;
  let lines: Line[];

  const boot = async (level: string) => {
    lines = [];
    const logger = createLogger('probe', level, { write: (line) => void lines.push(JSON.parse(line) as Line) });
    app = await startApp({ name: 'probe', module: ProbeModule, addr: { host: '127.0.0.1', port: 0 }, logger });
  };
  const get = async (path: string, headers: Record<string, string> = {}) => {
    const answer = await fetch((await app.getUrl()) + path, { headers });
    await answer.text();
    return answer;
  };
  const requests = async (count: number): Promise<Line[]> => {
    for (;;) {
      const found = lines.filter(({ msg }) => msg === 'request');
      if (found.length >= count) return found;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };

  beforeEach(() => boot('debug'));
  afterEach(() => app.close());

  it('takes over the id that a request comes with, and answers it', async () => {
    const answer = await get('/fine?ticket=hunter2', { 'x-request-id': 'edge-7/a' });
    expect(answer.headers.get('x-request-id')).toBe('edge-7/a');
    const [line] = await requests(1);
    expect(line).toMatchObject({ level: 'debug', requestId: 'edge-7/a', method: 'GET', path: '/fine', status: 200 });
    expect(line?.ms).toEqual(expect.any(Number));
    expect(JSON.stringify(lines)).not.toContain('hunter2');
  });

  it.each(['', 'a b', '{"level":"fatal"}', 'x'.repeat(129)])('makes a new id in place of %j', async (given) => {
    const id = (await get('/fine', given === '' ? {} : { 'x-request-id': given })).headers.get('x-request-id');
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect((await requests(1))[0]?.requestId).toBe(id);
  });

  it('answers it on streams, which are logged when they end', async () => {
    const socket = connect(Number(new URL(await app.getUrl()).port), '127.0.0.1');
    socket.write('GET /stream HTTP/1.1\r\nHost: x\r\nX-Request-Id: s-1\r\n\r\n');
    const [head] = (await once(socket, 'data')) as [Buffer];
    expect(head.toString().toLowerCase()).toContain('x-request-id: s-1\r\n');
    expect(lines.filter(({ msg }) => msg === 'request')).toEqual([]);
    socket.destroy();
    expect(await requests(1)).toEqual([expect.objectContaining({ requestId: 's-1', path: '/stream', status: 200 })]);
  });

  it('tells of refusals at info, and then of nothing else', async () => {
    await app.close();
    await boot('info');
    await get('/fine');
    await get('/refused');
    await get('/nothing');
    expect((await requests(2)).map(({ level, path, status }) => [level, path, status])).toEqual([
      ['info', '/refused', 403],
      ['info', '/nothing', 404],
    ]);
  });
});
