import { createHmac } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DepthcastError } from '@depthcast/protocol';
import { afterEach, describe, expect, it } from '@jest/globals';
import { exportJWK, exportSPKI, type GenerateKeyPairResult, generateKeyPair, type JWK, SignJWT } from 'jose';
import { AUTH_ENV, SECRET, token } from '../testing/tokens.ts';
import { type TokenSettings, TokenVerifier } from './token-verifier.ts';

const CHECKS = { AUTH_AUDIENCE: AUTH_ENV.AUTH_AUDIENCE.split(','), AUTH_ISSUER: [AUTH_ENV.AUTH_ISSUER] };
const seconds = () => Math.floor(Date.now() / 1_000);

const verifierOf = (settings: TokenSettings, nowMs = Date.now, onWarn = () => {}) =>
  new TokenVerifier({ ...CHECKS, ...settings }, { onWarn, nowMs });
const withSecret = verifierOf({ AUTH_JWT_SECRET: SECRET });

/** The code of the refusal, which must not quote what it refuses. */
async function refusal(verifier: TokenVerifier, text: string): Promise<string> {
  const error = await verifier.verify(text).then(
    () => undefined,
    (thrown: unknown) => thrown as Error,
  );
  if (!(error instanceof DepthcastError)) throw error ?? new Error('it was not refused');
  for (const part of text.split('.').filter((it) => it.length > 8)) expect(error.message).not.toContain(part);
  return `${error.code}: ${error.message}`;
}

function compact(header: object, payload: object, sign: (input: string) => string): string {
  const input = [header, payload].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${input}.${sign(input)}`;
}

describe('a token signed with the secret', () => {
  it('says whose it is, what it is called, and until when', async () => {
    const exp = seconds() + 60;
    const credential = await withSecret.verify(await token({ sub: 'bob-1', jti: 'one', exp }));
    expect(credential).toEqual({ account: 'bob-1', jti: 'one', expiresMs: exp * 1_000 });
    const nameless = await withSecret.verify(await token({ jti: undefined as never, aud: ['x', 'other'] }));
    expect(nameless.jti).toBeUndefined();
  });

  it.each([
    [{ aud: 'somebody-else' }, /^TOKEN_INVALID: .*aud is not what is taken here/],
    [{ aud: undefined }, /^TOKEN_INVALID: .*aud is missing/],
    [{ iss: 'https://issuer.example.evil' }, /^TOKEN_INVALID: .*iss/],
    [{ iss: undefined }, /^TOKEN_INVALID: .*iss is missing/],
    [{ sub: undefined }, /^TOKEN_INVALID: .*sub is missing/],
    [{ sub: 7 }, /^TOKEN_INVALID: .*sub is not a text/],
    [{ sub: ['alice'] }, /^TOKEN_INVALID: .*sub is not a text/],
    [{ sub: 'auth0|1' }, /^FORBIDDEN: /],
    [{ sub: '__proto__' }, /^FORBIDDEN: /],
    [{ sub: 'a:b' }, /^FORBIDDEN: /],
    [{ sub: 'a'.repeat(33) }, /^FORBIDDEN: /],
    [{ jti: { a: 1 } }, /^TOKEN_INVALID: .*jti/],
    [{ jti: 'j'.repeat(129) }, /^TOKEN_INVALID: .*jti/],
    [{ jti: '' }, /^TOKEN_INVALID: .*jti/],
    [{ exp: undefined }, /^TOKEN_INVALID: .*exp is missing/],
    [{ exp: 'tomorrow' }, /^TOKEN_INVALID: .*exp/],
    [{ exp: seconds() - 1 }, /^TOKEN_EXPIRED: /],
    [{ exp: seconds() - 3_600 }, /^TOKEN_EXPIRED: /],
    [{ exp: -1 }, /^TOKEN_EXPIRED: /],
    [{ nbf: seconds() + 60 }, /^TOKEN_INVALID: .*nbf/],
  ])('with %j is refused', async (claims, message) => {
    expect(await refusal(withSecret, await token(claims as never))).toMatch(message);
  });

  it('that is a moment ahead of this clock is good', async () => {
    expect(await withSecret.verify(await token({ nbf: seconds() + 3 }))).toMatchObject({ account: 'alice' });
  });

  it('is refused from the very second it names', async () => {
    const exp = seconds() + 100;
    const text = await token({ exp });
    const at = (nowMs: number) => verifierOf({ AUTH_JWT_SECRET: SECRET }, () => nowMs);
    expect((await at(exp * 1_000 - 1).verify(text)).expiresMs).toBe(exp * 1_000);
    expect(await refusal(at(exp * 1_000), text)).toMatch(/^TOKEN_EXPIRED/);
  });

  it('takes no claim from a prototype', async () => {
    const sign = (input: string) => createHmac('sha256', SECRET).update(input).digest('base64url');
    const claims = `{"sub":"mallory","exp":${seconds() + 60}}`;
    const payload = JSON.parse(`{"aud":"depthcast","iss":"${AUTH_ENV.AUTH_ISSUER}","__proto__":${claims}}`) as object;
    const text = compact({ alg: 'HS256' }, payload, sign);
    expect(Buffer.from(text.split('.')[1] as string, 'base64url').toString()).toContain('"__proto__":{"sub"');
    expect(await refusal(withSecret, text)).toMatch(/^TOKEN_INVALID: .*missing/);
  });

  it.each([
    ['', /not a signed/],
    ['abc', /not a signed/],
    ['a.b.c', /not a signed/],
    ['..', /not a signed/],
    ['a.b.c.d.e', /not a signed/],
    [`eyJhbGciOiJIUzI1NiJ9.${'A'.repeat(10_240)}.AAAA`, /more than 8192/],
    [`${'{'.repeat(8_000)}.a.b`, /not a signed/],
    ['\u0000\r\n.\u{1F600}.x', /not a signed/],
  ])('is not %j', async (text, message) => {
    expect(await refusal(withSecret, text)).toMatch(message);
  });

  it('is no other with the same words', async () => {
    const [head, , signature] = (await token()).split('.');
    const [, body] = (await token({ sub: 'mallory' })).split('.');
    expect(await refusal(withSecret, `${head}.${body}.${signature}`)).toMatch(/^TOKEN_INVALID: .*signature/);
    expect(await refusal(withSecret, await token({}, `${SECRET}x`))).toMatch(/^TOKEN_INVALID: .*signature/);
  });

  it('is signed: alg none, in any spelling, is refused', async () => {
    const payload = { sub: 'alice', exp: seconds() + 60, aud: 'depthcast', iss: AUTH_ENV.AUTH_ISSUER };
    for (const alg of ['none', 'None', 'NONE', 'nOnE', '', null]) {
      expect(
        await refusal(
          withSecret,
          compact({ alg }, payload, () => ''),
        ),
      ).toMatch(/^TOKEN_INVALID/);
    }
    for (const alg of ['HS384', 'HS512']) {
      const sign = (input: string) =>
        createHmac(`sha${alg.slice(2)}`, SECRET)
          .update(input)
          .digest('base64url');
      expect(await refusal(withSecret, compact({ alg }, payload, sign))).toMatch(/^TOKEN_INVALID: .*alg/);
    }
    const critical = { alg: 'HS256', crit: ['b64'], b64: false };
    expect(
      await refusal(
        withSecret,
        compact(critical, payload, () => 'AAAA'),
      ),
    ).toMatch(/^TOKEN_INVALID/);
  });

  it('is not taken where no key is trusted', async () => {
    expect(await refusal(verifierOf({}), await token())).toMatch(/^TOKEN_INVALID: .*no key is trusted/);
  });
});

describe('a token signed with a key of the set', () => {
  let server: Server | undefined;

  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
    server = undefined;
  });

  /** A key server; `answer.body` may be changed at any time. */
  async function serve(answer: { status?: number; body: string; asked?: number }): Promise<string> {
    server = createServer((_request, response) => {
      answer.asked = (answer.asked ?? 0) + 1;
      response.writeHead(answer.status ?? 200, { 'content-type': 'application/json' }).end(answer.body);
    });
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  }

  async function pair(alg: string, kid: string): Promise<GenerateKeyPairResult & { jwk: JWK }> {
    const keys = await generateKeyPair(alg, { extractable: true });
    return { ...keys, jwk: { ...(await exportJWK(keys.publicKey)), kid, alg, use: 'sig' } };
  }

  const signed = (privateKey: GenerateKeyPairResult['privateKey'], alg: string, kid: string) =>
    new SignJWT({ sub: 'alice', aud: 'depthcast', iss: AUTH_ENV.AUTH_ISSUER, exp: seconds() + 60 })
      .setProtectedHeader({ alg, kid })
      .sign(privateKey);

  it('is taken, and the set is fetched once for all of them', async () => {
    const [rsa, curve] = await Promise.all([pair('RS256', 'a'), pair('ES256', 'b')]);
    const answer = { body: JSON.stringify({ keys: [rsa.jwk, curve.jwk] }), asked: 0 };
    const verifier = verifierOf({ AUTH_JWKS_URL: await serve(answer) });
    const texts = [await signed(rsa.privateKey, 'RS256', 'a'), await signed(curve.privateKey, 'ES256', 'b')];
    const all = await Promise.all([...texts, ...texts, ...texts].map((text) => verifier.verify(text)));
    expect(all.map(({ account }) => account)).toEqual(Array(6).fill('alice'));
    expect(answer.asked).toBe(1);
    // A key that nobody has does not have the server asked again and again.
    const stranger = await pair('RS256', 'z');
    for (let i = 0; i < 20; i++) {
      expect(await refusal(verifier, await signed(stranger.privateKey, 'RS256', `z${i}`))).toMatch(
        /^TOKEN_INVALID: .*kid/,
      );
    }
    expect(answer.asked).toBe(1);
    expect(await refusal(verifier, await signed(stranger.privateKey, 'RS256', 'a'))).toMatch(
      /^TOKEN_INVALID: .*signature/,
    );
  });

  it('cannot be made with the public key as a secret', async () => {
    const rsa = await pair('RS256', 'a');
    const url = await serve({ body: JSON.stringify({ keys: [rsa.jwk] }) });
    const spki = await exportSPKI(rsa.publicKey);
    const payload = { sub: 'alice', aud: 'depthcast', iss: AUTH_ENV.AUTH_ISSUER, exp: seconds() + 60 };
    for (const secret of [spki, spki.trim(), JSON.stringify(rsa.jwk), String(rsa.jwk.n)]) {
      const sign = (input: string) => createHmac('sha256', secret).update(input).digest('base64url');
      const forged = compact({ alg: 'HS256', kid: 'a' }, payload, sign);
      expect(await refusal(verifierOf({ AUTH_JWKS_URL: url }), forged)).toMatch(/^TOKEN_INVALID: .*alg/);
      // The same where the public key is what somebody has set as the secret's neighbour.
      expect(await refusal(withSecret, forged)).toMatch(/^TOKEN_INVALID: .*signature/);
    }
    expect(
      await refusal(
        verifierOf({ AUTH_JWKS_URL: url }),
        compact({ alg: 'none', kid: 'a' }, payload, () => ''),
      ),
    ).toMatch(/^TOKEN_INVALID/);
    // And a key in the token's own header is nobody's.
    const own = new SignJWT(payload).setProtectedHeader({ alg: 'RS256', jwk: rsa.jwk }).sign(rsa.privateKey);
    expect(await refusal(withSecret, await own)).toMatch(/^TOKEN_INVALID: .*alg/);
  });

  it.each([
    ['an error', { status: 500, body: '{}' }],
    ['no JSON', { body: '<html>' }],
    ['no set', { body: '{"keys":7}' }],
    ['too much', { body: JSON.stringify({ keys: [], more: 'x'.repeat(300_000) }) }],
    ['another place', { status: 302, body: '' }],
  ])('waits while its server answers with %s, asked once a second at most', async (_what, bad) => {
    const answer: { status?: number; body: string; asked: number } = { ...bad, asked: 0 };
    let nowMs = Date.now();
    const warned: string[] = [];
    const rsa = await pair('RS256', 'a');
    const url = await serve(answer);
    const options = { onWarn: (message: string) => void warned.push(message), nowMs: () => nowMs };
    const verifier = new TokenVerifier({ ...CHECKS, AUTH_JWKS_URL: url }, options);
    const text = await signed(rsa.privateKey, 'RS256', 'a');
    for (let i = 0; i < 10; i++) expect(await refusal(verifier, text)).toMatch(/^AUTH_UNAVAILABLE/);
    expect(answer.asked).toBe(1);
    expect(warned).toHaveLength(1);
    answer.status = 200;
    answer.body = JSON.stringify({ keys: [rsa.jwk] });
    nowMs += 1_001;
    expect(await verifier.verify(text)).toMatchObject({ account: 'alice' });
  });
});
