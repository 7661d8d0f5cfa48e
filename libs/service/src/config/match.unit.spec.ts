import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { ConfigurationError, matchEnv, readConfig } from './index.ts';

const systemsOf = (text: string): readonly string[] =>
  readConfig(z.object(matchEnv), { MATCH_MEMBER_ID_SYSTEMS: text }).MATCH_MEMBER_ID_SYSTEMS;
const OURS = 'https://plan.example/card';

describe('M40, M45: MATCH_MEMBER_ID_SYSTEMS', () => {
  test.each<[string, readonly string[]]>([
    ['', []],
    [OURS, [OURS]],
    [` ${OURS} , urn:oid:2.16.840.1.113883.6.300.1,`, [OURS, 'urn:oid:2.16.840.1.113883.6.300.1']],
  ])('"%s"', (text, systems) => expect(systemsOf(text)).toEqual(systems));
  test.each([
    ['no URI', 'no-system'],
    ['an identifier', `${OURS}|W12`],
    ['a space inside', 'https://plan.example/member id'],
    ['nothing but commas', ', ,'],
    ['the scheme alone', 'urn:'],
    ['more than 20', Array.from({ length: 21 }, (_, n) => `${OURS}/${n}`).join(',')],
    ['a very long one', `urn:${'x'.repeat(300)}`],
  ])('%s stops the start, by name and without the value', (_what, text) => {
    expect(() => systemsOf(text)).toThrow(ConfigurationError);
    expect(() => systemsOf(text)).toThrow('MATCH_MEMBER_ID_SYSTEMS');
    expect(() => systemsOf(text)).not.toThrow(text.slice(0, 30));
  });
});
