import { describe, expect, it } from '@jest/globals';
import { readConfig } from '../config.ts';
import { SECRET } from '../testing/tokens.ts';

const KEYS = {
  AUTH_JWKS_URL: 'https://issuer.example/keys',
  AUTH_AUDIENCE: 'depthcast',
  AUTH_ISSUER: 'https://issuer.example',
};

describe('a gateway', () => {
  it.each(['127.0.0.1:1', '127.9.9.9:1', 'localhost:1', '[::1]:1'])('that nobody guards binds to %s', (ADDR) => {
    expect(readConfig([], { ADDR })).toMatchObject({ AUTH_MODE: 'off' });
  });

  it.each(['0.0.0.0:1', '[::]:1', '192.0.2.1:1', 'depth.example:1', '[::ffff:127.0.0.1]:1', '127.0.0.1.example:1'])(
    'that nobody guards does not bind to %s, and says what would let it',
    (ADDR) => {
      expect(() => readConfig([], { ADDR })).toThrow(/^ADDR: got .* AUTH_MODE=off.*ALLOW_INSECURE=true/);
      expect(() => readConfig([], { ADDR })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID', exit: 2 }));
      expect(readConfig([], { ADDR, ALLOW_INSECURE: 'true' })).toMatchObject({ ALLOW_INSECURE: true });
      expect(readConfig([], { ADDR, AUTH_MODE: 'optional', AUTH_JWT_SECRET: SECRET })).toBeDefined();
    },
  );

  it.each([
    [{ AUTH_MODE: 'on' }, 'AUTH_MODE: got "on", takes one of off, optional, required'],
    [{ AUTH_MODE: 'required' }, 'takes AUTH_JWT_SECRET or AUTH_JWKS_URL beside it'],
    [{ AUTH_JWT_SECRET: 'short-but-secret' }, 'AUTH_JWT_SECRET: got ***, takes at least 32 bytes'],
    [{ ...KEYS, AUTH_JWT_SECRET: SECRET }, 'takes one of the two'],
    [{ ...KEYS, AUTH_AUDIENCE: '' }, 'takes AUTH_AUDIENCE and AUTH_ISSUER beside it'],
    [{ ...KEYS, AUTH_ISSUER: ' , ' }, 'AUTH_ISSUER: got " , ", takes words divided by commas'],
    [{ ...KEYS, AUTH_JWKS_URL: 'http://issuer.example/keys' }, 'takes https'],
    [{ ...KEYS, AUTH_JWKS_URL: 'file:///etc/keys' }, 'AUTH_JWKS_URL: got "file:///etc/keys", takes a URL'],
    [{ TRUST_PROXY: 'true' }, 'TRUST_PROXY: got "true", takes addresses, ranges'],
    [{ TRUST_PROXY: '10.0.0.0/33' }, 'TRUST_PROXY: got "10.0.0.0/33"'],
    [{ TRUST_PROXY: '10.0.0.1,10.0.0.0/8/8' }, 'TRUST_PROXY: got'],
    [{ SESSIONS_PER_IP_MAX: '0' }, 'SESSIONS_PER_IP_MAX: got "0"'],
  ])('refuses %j', (env, message) => {
    const read = () => readConfig([], env as Record<string, string>);
    expect(read).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    expect(read).toThrow(message);
    expect(read).not.toThrow('short-but-secret');
  });

  it('takes keys of this machine over http, proxies by address, range and name', () => {
    const env = {
      ...KEYS,
      AUTH_MODE: 'required',
      AUTH_JWKS_URL: 'http://[::1]:7/keys',
      TRUST_PROXY: 'loopback, 10.0.0.0/8,::1',
    };
    expect(readConfig([], env)).toMatchObject({
      AUTH_AUDIENCE: ['depthcast'],
      TRUST_PROXY: ['loopback', '10.0.0.0/8', '::1'],
    });
  });
});
