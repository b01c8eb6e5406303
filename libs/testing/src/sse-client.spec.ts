import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SseClient } from './sse-client.ts';
import { SseParser } from './sse-parser.ts';

describe('the SSE parser', () => {
  const parse = (text: string) => new SseParser().push(text);

  it('gives every field of a frame, unknown ones and comments too', () => {
    const raw = ':hi\nid: 5-1\nevent:trade\ndata: a\ndata:  b\nprev: 5-0\nretry: 250\n\n';
    expect(parse(raw)).toEqual([
      {
        id: '5-1',
        event: 'trade',
        data: 'a\n b',
        retry: 250,
        comments: ['hi'],
        fields: { id: '5-1', event: 'trade', data: ' b', prev: '5-0', retry: '250' },
        dispatched: true,
        raw,
      },
    ]);
  });

  it.each(['\n', '\r\n', '\r'])('takes %j as the end of a line, however the stream is torn', (eol) => {
    const text = `id: 1${eol}data: x${eol}${eol}data: y${eol}${eol}:end${eol}${eol}`;
    const whole = parse(`${text}:`);
    expect(whole.map((frame) => frame.data)).toEqual(['x', 'y', '']);
    const parser = new SseParser();
    const torn = [...`${text}:`].flatMap((character) => parser.push(character));
    expect(torn).toEqual(whole);
    expect(torn.map((frame) => frame.raw).join('')).toBe(text);
  });

  it('keeps the last id as a browser does', () => {
    const parser = new SseParser('0-0');
    parser.push('id: 5-1\n');
    expect(parser.lastEventId).toBe('0-0');
    const [moved] = parser.push('\n');
    expect([parser.lastEventId, moved?.dispatched]).toEqual(['5-1', false]);
    parser.push('id: 5\0-2\ndata: x\n\n');
    expect(parser.lastEventId).toBe('5-1');
    parser.push('data: x\n\n');
    expect(parser.lastEventId).toBe('5-1');
    parser.push('id:\ndata: x\n\n');
    expect(parser.lastEventId).toBe('');
  });

  it('dispatches an empty data line, and takes no retry but digits', () => {
    const parser = new SseParser();
    expect(parser.push('data\n\n')[0]).toMatchObject({ dispatched: true, data: '' });
    expect(parser.push('retry: 1s\ndata:x\n\n')[0]).toMatchObject({ retry: undefined });
    expect(parser.retryMs).toBeUndefined();
  });

  it('drops a byte order mark and blank lines of no frame', () => {
    expect(parse('\uFEFF\n\ndata: x\n\n\n').map((frame) => frame.data)).toEqual(['x']);
  });
});

describe('the SSE client', () => {
  let server: Server;
  let url: string;
  let response: ServerResponse;
  let lastEventId: string | undefined;
  let client: SseClient;

  beforeEach(async () => {
    server = createServer((request, reply) => {
      response = reply;
      lastEventId = request.headers['last-event-id'] as string | undefined;
      if (request.url === '/bad') reply.writeHead(400).end('{"code":"X"}');
      else reply.writeHead(200, { 'content-type': 'text/event-stream' }).write('retry: 10\n\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterEach(async () => {
    client.close();
    await new Promise((resolve) => server.close(resolve));
  });

  it('waits for an event by name, then collects the next ones in order', async () => {
    client = await SseClient.connect(`${url}/`, { lastEventId: '7-7' });
    expect([client.status, lastEventId]).toEqual([200, '7-7']);
    response.write(':keep-alive\n\nevent: a\ndata: 1\n\nevent: b\ndata: 2\nid: 7-9\n\n');
    expect((await client.next('b')).data).toBe('2');
    const rest = client.collect(2, (frame) => frame.event === 'c');
    response.write('event: c\ndata: 3\n\nevent: d\ndata: x\n\nevent: c\ndata: 4\n\n');
    expect((await rest).map((frame) => frame.data)).toEqual(['3', '4']);
    expect([client.lastEventId, client.retryMs, client.received]).toEqual(['7-9', 10, 7]);
  });

  it('says what did not come, in time or before the end', async () => {
    client = await SseClient.connect(url);
    await expect(client.next('z', 30)).rejects.toThrow('the event z did not come within 30 ms');
    const waiting = client.collect(3);
    response.write('data: 1\n\n');
    response.end();
    await expect(waiting).rejects.toThrow('3 frames did not come: the server ended the response (1 came)');
  });

  it('iterates over all frames to the end', async () => {
    client = await SseClient.connect(url);
    response.write(':c\n\ndata: 1\n\n');
    setTimeout(() => response.end('data: 2\n\n'), 20);
    const raws: string[] = [];
    for await (const frame of client) raws.push(frame.raw);
    expect(raws).toEqual(['retry: 10\n\n', ':c\n\n', 'data: 1\n\n', 'data: 2\n\n']);
  });

  it('gives the status and body of an answer that is no stream', async () => {
    client = await SseClient.connect(`${url}/bad`);
    expect([client.status, await client.text()]).toEqual([400, '{"code":"X"}']);
  });
});
