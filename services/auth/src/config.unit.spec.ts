import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { authConfig, authSettings } from './config.ts';

const folder = mkdtempSync(join(tmpdir(), 'auth-settings-'));
afterAll(() => rmSync(folder, { recursive: true }));
/** What the environment makes of the settings with which the other tests of auth start. */
const read = (env: Record<string, string> = {}) =>
  authConfig(authSettings.parse({ PUBLIC_URL: 'https://payer.example', ...env }));

const FORMER = 'https://former.example/auth/token';
const REASONS = {
  security: [{ code: 'our-own', text: 'As our counsel says.' }],
  binding: [{ code: 'contract-over', text: 'The contract is over.' }],
  neutral: [
    { code: 'requested-by-app', text: 'The app asked for it.' },
    { code: 'attestation-expired', text: 'The review is too old.' },
  ],
};

describe('the settings of apps (APPS.md)', () => {
  it.each<[string, Record<string, string>, Partial<ReturnType<typeof read>>]>([
    ['P22 FOUR_EYES', { FOUR_EYES: 'true' }, { fourEyes: true }],
    ['P28 REVIEW_VALID_DAYS', { REVIEW_VALID_DAYS: '365' }, { reviewValidDays: 365 }],
    ['P42 REGISTER_UNKNOWN', { REGISTER_UNKNOWN: 'ignore' }, { unknownMetadata: 'ignore' }],
    [
      'P50 AUTH_AUDIENCES',
      { AUTH_AUDIENCES: `${FORMER}, https://b.example` },
      { audiences: [FORMER, 'https://b.example'] },
    ],
    ['P40 REGISTRATION_REQUIRES', { REGISTRATION_REQUIRES: 'attestation' }, { registrationRequires: ['attestation'] }],
    ['P1 BINDING_EVENTS', { BINDING_EVENTS: 'true' }, { bindingEvents: true }],
  ])('%s changes its own option, and no other one', (_, env, settings) => {
    expect(read(env)).toEqual({ ...read(), ...settings });
    expect(read()).not.toMatchObject(settings);
  });

  it('ask for nothing more without them: one person approves, for good, and an unknown field is refused', () => {
    expect(read()).toMatchObject({
      ...{ fourEyes: false, reviewValidDays: undefined, unknownMetadata: 'refuse' },
      ...{ audiences: [], registrationRequires: [] },
    });
  });

  it('P31: have the reasons of REASONS_FILE in place of all others, and refuse a wrong file at the start', () => {
    const file = join(folder, 'reasons.json');
    writeFileSync(file, JSON.stringify(REASONS));
    expect(read({ REASONS_FILE: file }).reasons).toEqual(REASONS);
    writeFileSync(file, JSON.stringify({ ...REASONS, security: [] }));
    expect(() => read({ REASONS_FILE: file })).toThrow('must be a list of 1 to 100 reasons');
  });

  it.each(['', 'former.example', `${FORMER},x`])('P50: refuse AUTH_AUDIENCES %j', (text) => {
    expect(() => read({ AUTH_AUDIENCES: text })).toThrow('must be URLs, separated by commas');
  });
});
