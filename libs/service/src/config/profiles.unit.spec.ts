import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { profilesEnv } from './policies.ts';
import { ConfigurationError, readConfig } from './read-config.ts';

const schema = z.object(profilesEnv);
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'profiles-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
const withFile = (text: string) => {
  const file = join(folder, 'profiles.json');
  writeFileSync(file, text);
  return readConfig(schema, { PROFILE_POLICY_FILE: file });
};

test('a policy of profiles is read from a file', () => {
  expect(withFile('{"profiles":{"*":"refuse"}}').PROFILE_POLICY_FILE).toEqual({ '*': 'refuse' });
  expect(readConfig(schema, {}).PROFILE_POLICY_FILE).toBeUndefined();
});

test('a policy of profiles that cannot be used ends the start with the variable and the fault', () => {
  expect(() => withFile('{"profiles":{"*":"drop"}}')).toThrow(
    new ConfigurationError('PROFILE_POLICY_FILE: "profiles" entry 1 must be one of "refuse", "unmark", "keep"'),
  );
  expect(() => readConfig(schema, { PROFILE_POLICY_FILE: join(folder, 'gone.json') })).toThrow(
    new ConfigurationError('PROFILE_POLICY_FILE: names a file that is not there'),
  );
});
