import { expect, it } from 'vitest';

import { searchsetBundle } from './bundle.ts';
import { operationOutcome } from './outcome.ts';
import { checkShape } from './shape.ts';

it('joins lines to a searchset Bundle that is valid R4', () => {
  const text = searchsetBundle({
    selfUrl: 'https://x/fhir/Patient?_id="a"',
    nextUrl: 'https://x/next',
    total: 2,
    entries: [
      { fullUrl: 'https://x/fhir/Patient/a', line: '{"resourceType":"Patient","id":"a"}' },
      {
        fullUrl: 'https://x/fhir/Organization/o',
        line: Buffer.from('{"resourceType":"Organization","id":"o","name":"xé"}'),
        mode: 'include',
      },
    ],
  });
  const bundle = JSON.parse(text.toString()) as Record<string, unknown>;
  expect(checkShape(bundle)).toEqual([]);
  expect(bundle).toEqual({
    resourceType: 'Bundle',
    type: 'searchset',
    total: 2,
    link: [
      { relation: 'self', url: 'https://x/fhir/Patient?_id="a"' },
      { relation: 'next', url: 'https://x/next' },
    ],
    entry: [
      {
        fullUrl: 'https://x/fhir/Patient/a',
        resource: { resourceType: 'Patient', id: 'a' },
        search: { mode: 'match' },
      },
      {
        fullUrl: 'https://x/fhir/Organization/o',
        resource: { resourceType: 'Organization', id: 'o', name: 'xé' },
        search: { mode: 'include' },
      },
    ],
  });
});

it('gives an outcome a fullUrl, which R4 asks for in each entry', () => {
  const line = JSON.stringify(operationOutcome('warning', 'not-supported', 'x'));
  const bundle = JSON.parse(searchsetBundle({ selfUrl: 'https://x', entries: [{ line, mode: 'outcome' }] }).toString());
  expect(bundle.entry).toEqual([
    {
      fullUrl: expect.stringMatching(/^urn:uuid:[-0-9a-f]{36}$/),
      resource: JSON.parse(line),
      search: { mode: 'outcome' },
    },
  ]);
});

it('counts bytes and not characters, wherever a text is not ASCII', () => {
  const line = (name: string): string => JSON.stringify({ resourceType: 'Organization', id: 'o', name });
  for (const name of ['plain', 'é', '\u{1F600}'])
    for (const url of ['https://x/fhir/Organization/o', `https://x/fhir/Organization/${name}`]) {
      const bytes = Buffer.from(`-${line(name)}-`);
      const joined = { bytes, start: 1, end: bytes.length - 1 };
      const lines = [line(name), Buffer.from(line(name)), joined, line('last')];
      const entries = lines.map((each) => ({ fullUrl: url, line: each }));
      for (const selfUrl of ['https://x/self', `https://x/?name=${name}`]) {
        const bundle = JSON.parse(searchsetBundle({ selfUrl, entries }).toString());
        expect(bundle.link[0].url).toBe(selfUrl);
        expect(bundle.entry).toEqual(
          [name, name, name, 'last'].map((each) => ({
            ...{ fullUrl: url, resource: JSON.parse(line(each)), search: { mode: 'match' } },
          })),
        );
      }
    }
});

it('writes each fullUrl as JSON does', () => {
  for (const fullUrl of [
    'https://x/fhir/A/b',
    'https://x/"',
    'https://x/\\',
    'https://x/é\u{1f600}',
    'https://x/\n\u007f\ud800',
  ]) {
    const text = searchsetBundle({ selfUrl: 'https://x', entries: [{ fullUrl, line: '{}' }] }).toString();
    expect(text).toContain(`{"fullUrl":${JSON.stringify(fullUrl)},"resource":{}`);
  }
});

it('has no empty entry list', () => {
  expect(JSON.parse(searchsetBundle({ selfUrl: 'https://x', entries: [] }).toString())).toEqual({
    resourceType: 'Bundle',
    type: 'searchset',
    link: [{ relation: 'self', url: 'https://x' }],
  });
});

it('builds an OperationOutcome that is valid R4', () => {
  const one = operationOutcome('error', 'not-found', 'no such Group', 'Group.id');
  expect(checkShape(one)).toEqual([]);
  expect(one.issue).toEqual([
    { severity: 'error', code: 'not-found', details: { text: 'no such Group' }, expression: ['Group.id'] },
  ]);
});
