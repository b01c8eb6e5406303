import type { AddressInfo } from 'node:net';
import { createLogger, OpsModule, startApp } from '@depthcast/ops';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get, Module } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { readConfig } from './config.ts';
import { requireToken } from './gatekeeper.ts';

const TOKEN = 'a-token-of-at-least-thirty-two-characters';

class Probe {
  page() {
    return 'history';
  }
}
Get('internal/log')(Probe.prototype, 'page', Object.getOwnPropertyDescriptor(Probe.prototype, 'page') as never);
Controller()(Probe);
class App {}
Module({ imports: [OpsModule.forRoot({ name: 'journal' })], controllers: [Probe] })(App);

let app: NestFastifyApplication;
let url: string;

beforeAll(async () => {
  const addr = { host: '127.0.0.1', port: 0 };
  const logger = createLogger('journal', 'silent');
  app = await startApp({ name: 'journal', addr, logger, module: App, configure: (app) => requireToken(app, TOKEN) });
  url = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
});
afterAll(() => app.close());

const ask = (path: string, authorization?: string) =>
  fetch(url + path, authorization === undefined ? {} : { headers: { authorization } });

describe('a journal with a token', () => {
  it('answers who shows it', async () => {
    const response = await ask('/internal/log', `Bearer ${TOKEN}`);
    expect([response.status, await response.text()]).toEqual([200, 'history']);
  });

  it.each([
    [undefined, 'TOKEN_MISSING'],
    ['', 'TOKEN_INVALID'],
    [TOKEN, 'TOKEN_INVALID'],
    [`Bearer ${TOKEN}x`, 'TOKEN_INVALID'],
    [`Bearer ${TOKEN.slice(1)}`, 'TOKEN_INVALID'],
  ])('tells nothing to who shows %p', async (authorization, error) => {
    for (const path of ['/internal/log', '/internal/log?x=/health', '/api/history/events', '/nowhere']) {
      const response = await ask(path, authorization);
      expect([path, response.status, ((await response.json()) as { error: string }).error]).toEqual([path, 401, error]);
      expect(response.headers.get('www-authenticate')).toBe('Bearer');
    }
  });

  it('lets probes and scrapers in', async () => {
    for (const path of ['/health', '/ready', '/metrics']) expect((await ask(path)).status).toBe(200);
  });
});

describe('a journal that others than this machine can reach', () => {
  it('has a token, or says that it needs none', () => {
    const addr = ['--addr', '0.0.0.0:8090'];
    expect(() => readConfig(addr, {})).toThrow(/JOURNAL_ADDR: got "0.0.0.0" without JOURNAL_TOKEN/);
    expect(readConfig(addr, { ALLOW_INSECURE: 'true' })).toBeDefined();
    expect(readConfig(addr, { JOURNAL_TOKEN: TOKEN })).toBeDefined();
    expect(() => readConfig(addr, { JOURNAL_TOKEN: 'short' })).toThrow(/JOURNAL_TOKEN: .*at least 32 characters/);
    expect(() => readConfig(addr, { JOURNAL_TOKEN: 'a-short-secret' })).not.toThrow(/a-short-secret/);
  });
});
