import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { foreignSets } from '@provider-access/definitions';
import { type FhirResource, isObject } from '@provider-access/fhir';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import { redact } from '../../redact/redact.ts';
import { DEFAULT_LIST } from '../codes/code-list.ts';
import { codeListsInForce, DEFAULT_LABEL_POLICY, putInForce } from '../index.ts';
import { labelPolicy } from '../policy.ts';
import { withoutLines } from './without-lines.ts';

/**
 * R15 over the claims of CARIN and CMS: a code of CMS's list stands in one or two lines. The oracle is the rule and the
 * script `tag-codes.py`, which shares nothing with the platform.
 */
const PART_2 = 'http://terminology.hl7.org/CodeSystem/v3-ActCode|42CFRPart2';
afterAll(() => putInForce([DEFAULT_LIST]));

type Open = Record<string, unknown>;
/** Codes that are listed on every day, with the name of their system. */
const LISTED = DEFAULT_LIST.entries
  .filter(({ from, to }) => from === undefined && to === undefined)
  .flatMap(({ system, codes }) => codes.map((code) => ({ system, code })));
const short = (code: string): string => code.replace(/[^A-Za-z0-9]/g, '').toUpperCase();

/** The concepts of a line that have a code. */
function* conceptsOf(node: unknown): Generator<Open> {
  if (Array.isArray(node)) for (const one of node as unknown[]) yield* conceptsOf(one);
  if (!isObject(node)) return;
  if (Array.isArray(node['coding'])) yield node as Open;
  for (const child of Object.values(node)) yield* conceptsOf(child);
}
const linesOf = (claim: FhirResource): Open[] => (claim['item'] ?? []) as Open[];
/** A line without its numbers, which a cut may change. */
function content(line: Open): string {
  const numbers = /^(?:sequence|.*Sequence|noteNumber)$/;
  return JSON.stringify(line, (name, value: unknown) => (numbers.test(name) ? undefined : value));
}

interface Planted {
  readonly whole: FhirResource;
  readonly gone: ReadonlySet<number>;
  readonly codes: readonly string[];
}
function plantedIn(claims: readonly FhirResource[]): Planted[] {
  const planted: Planted[] = [];
  let next = 0;
  for (const claim of claims)
    for (const at of linesOf(claim).keys())
      for (const place of [planted.length, planted.length + 1]) {
        const whole = structuredClone(claim);
        // Every third one has a second line that goes, unless none were left.
        const others = planted.length % 3 === 0 && linesOf(claim).length > 2 ? [(at + 1) % linesOf(claim).length] : [];
        const gone = new Set([at, ...others]);
        const codes = [...gone].map((index) => {
          const { system, code } = LISTED[(next += 7) % LISTED.length]!;
          const concepts = [...conceptsOf(linesOf(whole)[index])];
          Object.assign(concepts[place % concepts.length]!, { coding: [{ system, code }], text: undefined });
          return short(code);
        });
        planted.push({ whole: JSON.parse(JSON.stringify(whole)) as FhirResource, gone, codes });
      }
  return planted;
}

const sets = foreignSets();
const python = spawnSync('python3', ['--version']).status === 0;
const without = sets === undefined || !python ? ' (skipped without shared/data/foreign and python3)' : '';

it.skipIf(without)(`no code of a removed line is in the rest, and no other line is lost${without}`, () => {
  putInForce([DEFAULT_LIST], { ...DEFAULT_LABEL_POLICY, ...labelPolicy({ [PART_2]: 'withhold line' }) });
  const { tagger } = codeListsInForce();
  const claims = sets!
    .flatMap(({ set, lines }) =>
      /smart|pathling/.test(set) ? [] : lines().map((line) => JSON.parse(line) as FhirResource),
    )
    .filter((one) => one.resourceType === 'ExplanationOfBenefit' && one['use'] === 'claim' && linesOf(one).length > 1)
    .map((one) => redact(one).resource);
  expect(claims.length).toBeGreaterThan(3);
  const planted = plantedIn(claims);
  const rests: string[] = [];
  let whole = 0;
  for (const { whole: claim, gone, codes } of planted) {
    const cut = withoutLines(claim, tagger.search(claim));
    if (cut === undefined) {
      whole += 1;
      continue;
    }
    const rest = JSON.stringify(cut.resource);
    rests.push(rest);
    expect(linesOf(cut.resource).map(content)).toEqual(
      linesOf(claim).flatMap((line, at) => (gone.has(at) ? [] : [content(line)])),
    );
    for (const code of codes) expect([code, short(rest).includes(code)]).toEqual([code, false]);
    // What a line points to is what it pointed to.
    const named = (of: FhirResource, line: Open, list: string, pointer: string): unknown[] =>
      ((line[pointer] ?? []) as number[]).map((number) => {
        const entry = ((of[list] ?? []) as Open[]).find(({ sequence }) => sequence === number);
        return entry && JSON.stringify({ ...entry, sequence: 0 });
      });
    const stay = linesOf(claim).filter((_, at) => !gone.has(at));
    for (const [at, line] of linesOf(cut.resource).entries())
      for (const [list, pointer] of [
        ['careTeam', 'careTeamSequence'],
        ['diagnosis', 'diagnosisSequence'],
        ['procedure', 'procedureSequence'],
        ['supportingInfo', 'informationSequence'],
      ] as const)
        expect(named(cut.resource, line, list, pointer)).toEqual(
          named(claim, stay[at]!, list, pointer).filter((one) => one !== undefined),
        );
  }
  expect([whole, rests.length > 100]).toEqual([0, true]);

  const dir = mkdtempSync(join(tmpdir(), 'cut-lines-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const listed = LISTED.map(({ system, code }) => [system, code, '1970-01-01', '9999-12-31']);
  writeFileSync(join(dir, 'list.json'), JSON.stringify(listed));
  writeFileSync(join(dir, 'r.ndjson'), rests.join('\n') + '\n');
  const script = join(import.meta.dirname, '../../../../test/codes/tag-codes.py');
  const { stdout, stderr } = spawnSync('python3', [script, join(dir, 'list.json'), join(dir, 'r.ndjson')], {
    encoding: 'utf8',
    maxBuffer: 1e9,
  });
  expect(stderr).toBe('');
  expect(new Set(stdout.trimEnd().split('\n'))).toEqual(new Set(['[]']));
});
