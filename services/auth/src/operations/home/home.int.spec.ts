import { createHash } from 'node:crypto';
import { request } from '@provider-access/process/testing';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Bench, prepare, PUBLIC_URL } from '../../../test/harness.ts';

/** What Chromium sends for a page. */
const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8';

let bench: Bench | undefined;
const get = async (accept: string | undefined, sandbox = false, method: 'GET' | 'HEAD' = 'GET') => {
  bench = await Bench.start({ config: { sandbox } });
  return request(bench.app, '/', { method, ...(accept !== undefined && { headers: { accept } }) });
};
beforeAll(prepare);
afterEach(async () => {
  await bench?.stop();
  bench = undefined;
});

/** U1: `/` was one line of plain text. */
describe('/', () => {
  test.each([undefined, '*/*', 'application/json', 'application/fhir+json', 'text/html;q=0, application/json'])(
    'is JSON with the URLs to begin with, for a client that accepts %s',
    async (accept) => {
      const answer = await get(accept);
      expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/json; charset=utf-8']);
      expect(JSON.parse(answer.body)).toEqual({
        name: 'Provider Access API',
        sandbox: false,
        fhir: `${PUBLIC_URL}/fhir`,
        capabilities: `${PUBLIC_URL}/fhir/metadata`,
        discovery: `${PUBLIC_URL}/fhir/.well-known/smart-configuration`,
        openapi: `${PUBLIC_URL}/openapi.json`,
        documentation: `${PUBLIC_URL}/docs/`,
      });
    },
  );

  test('is a page with the same links for a browser, which may not keep it for other clients', async () => {
    const answer = await get(BROWSER);
    expect(answer.headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8', vary: 'accept' });
    for (const path of ['/fhir/metadata', '/fhir/.well-known/smart-configuration', '/openapi.json'])
      expect(answer.body).toContain(`href="${PUBLIC_URL}${path}"`);
    expect(answer.body).toContain('<html lang="en">');
    expect(answer.body).not.toContain('<!--');
    expect(answer.body).not.toContain('sandbox');
  });

  test('says that a sandbox is one', async () => {
    expect((await get(BROWSER, true)).body).toContain('This is a sandbox: all data is synthetic.');
  });

  test('allows no script, and no style but its own', async () => {
    const { headers, body } = await get(BROWSER);
    const style = /<style>(.*?)<\/style>/s.exec(body)![1]!;
    const hash = createHash('sha256').update(style).digest('base64');
    expect(headers['content-security-policy']).toBe(
      `default-src 'none'; style-src 'sha256-${hash}'; img-src 'self'; base-uri 'none'; ` +
        "form-action 'none'; frame-ancestors 'none'",
    );
    expect(body).not.toMatch(/<script|\sstyle=|\son\w+=/);
  });
});
