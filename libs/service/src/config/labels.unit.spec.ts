import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { policyAt, strictestRule } from '@provider-access/domain/pdex/labels';
import { codeLists, labelPolicy, labelsEnv } from './policies.ts';
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

test('lists of sensitive codes come from several files, and a fault names the file', () => {
  const named = (...texts: string[]) => {
    const files = texts.map((text, at) => {
      const file = join(folder, `codes-${at}.json`);
      writeFileSync(file, text);
      return file;
    });
    return readConfig(schema, { SENSITIVE_CODES_FILES: files.join(', ') });
  };
  const list = (name: string, more: object = {}): string => {
    const label = { label: 'https://x.example|y', law: 'Law', system: 'http://loinc.org', codes: ['1-8'] };
    return JSON.stringify({ list: name, source: 'test', labels: [label], ...more });
  };
  expect(codeLists(readConfig(schema, {})).map((one) => one.list)).toEqual(['2026-08-22']);
  expect(codeLists(named(list('a'), list('b'))).map((one) => one.list)).toEqual(['2026-08-22', 'a', 'b']);
  expect(codeLists(named(list('a', { default: false }))).map((one) => one.list)).toEqual(['a']);
  expect(strictestRule(['https://x.example|y'], labelPolicy(named(list('a'))))).toBe('withhold');
  expect(() => named(list('a'), '{}')).toThrow('SENSITIVE_CODES_FILES: file 2 of 2: "list" must be');
  expect(() => named('{')).toThrow('SENSITIVE_CODES_FILES: is not JSON');
  expect(() => named(list('a'), list('a'))).toThrow('SENSITIVE_CODES_FILES: two lists have the name "a"');
  expect(() => named(list('2026-08-22'))).toThrow('two lists have the name "2026-08-22"');
  expect(() => readConfig(schema, { SENSITIVE_CODES_FILES: `${folder}/gone.json,` })).toThrow('file 1 of 2: names a');
});
