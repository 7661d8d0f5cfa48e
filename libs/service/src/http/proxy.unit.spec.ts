import { expect, it } from 'vitest';
import { behindUntrustedProxy, lacksTrustedProxy } from './proxy.ts';

it.each([
  ['an https URL and no trusted proxy', { PUBLIC_URL: 'https://payer.example' }, true],
  ['an https URL and a trusted proxy', { PUBLIC_URL: 'https://payer.example', TRUST_PROXY: 1 }, false],
  ['plain http', { PUBLIC_URL: 'http://127.0.0.1:8080' }, false],
  ['no URL', {}, false],
])('warns at the start by the settings: %s', (_name, config, warns) => {
  expect(lacksTrustedProxy(config)).toBe(warns);
});
it.each([
  ['X-Forwarded-For that nobody trusts', { headers: { 'x-forwarded-for': '192.0.2.1' } }, true],
  ['Forwarded that nobody trusts', { headers: { forwarded: 'for=192.0.2.1' } }, true],
  [
    'X-Forwarded-For that is trusted',
    { headers: { 'x-forwarded-for': '192.0.2.1' }, ips: ['127.0.0.1', '192.0.2.1'] },
    false,
  ],
  ['neither header', { headers: {} }, false],
])('knows a request through a proxy: %s', (_name, request, behind) => {
  expect(behindUntrustedProxy(request)).toBe(behind);
});
