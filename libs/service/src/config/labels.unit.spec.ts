import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { policyAt, strictestRule } from '@provider-access/domain/pdex/labels';
import { labelPolicy, labelsEnv } from './policies.ts';
import { ConfigurationError, readConfig } from './read-config.ts';

const schema = z.object(labelsEnv);
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'labels-'));
});
afterAll(() => rmSync(folder, { recursive: true }));
const withFile = (text: string) => {
  const file = join(folder, 'labels.json');
  writeFileSync(file, text);
  return labelPolicy(readConfig(schema, { SECURITY_LABELS_FILE: file }));
};

test('a policy file that cannot be used ends the start with the variable and the fault', () => {
  const fault = (run: () => unknown): string => {
    try {
      run();
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigurationError);
      return (error as Error).message;
    }
    return 'none';
  };
  expect(fault(() => withFile('labels: {}'))).toBe('SECURITY_LABELS_FILE: is not JSON');
  expect(fault(() => withFile('{"labels":{"x|y":"hide"}}'))).toMatch(/^SECURITY_LABELS_FILE: "labels" entry 1 must be/);
  expect(fault(() => withFile(' '))).toBe('SECURITY_LABELS_FILE: names a file that is empty');
  const gone = { SECURITY_LABELS_FILE: join(folder, 'gone.json') };
  expect(fault(() => readConfig(schema, gone))).toBe('SECURITY_LABELS_FILE: names a file that is not there');
  for (const drugs of ['include', 'include-from:', 'include-from:2027-13-01', 'include-from:2027-10'])
    expect(fault(() => readConfig(schema, { PRIOR_AUTH_DRUGS: drugs }))).toMatch(/^PRIOR_AUTH_DRUGS: must be exclude/);
});

test('a policy file changes the built-in policy', () => {
  const policy = withFile('{"labels":{"x|y":"withhold unless consented"}}');
  expect(strictestRule(['x|y'], policy)).toBe('withhold unless consented');
  expect(strictestRule(['http://terminology.hl7.org/CodeSystem/v3-Confidentiality|R'], policy)).toBe('withhold');
});

test('prior authorizations of drugs are excluded, or included from a day on that begins where it begins last', () => {
  const ruleAt = (env: Record<string, string>, now: number): string =>
    strictestRule(
      ['urn:provider-access:label|drug-prior-authorization'],
      policyAt(labelPolicy(readConfig(schema, env)), now).policy,
    );
  expect(ruleAt({}, Date.UTC(2099, 0))).toBe('withhold');
  expect(ruleAt({ PRIOR_AUTH_DRUGS: 'exclude' }, Date.UTC(2099, 0))).toBe('withhold');
  const dated = { PRIOR_AUTH_DRUGS: 'include-from:2027-10-01' };
  expect(ruleAt(dated, Date.UTC(2027, 9, 1, 11))).toBe('withhold');
  expect(ruleAt(dated, Date.UTC(2027, 9, 1, 12))).toBe('release');
});
