import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { billOfMaterials } from './bill.ts';
import { forbidden, licenceList } from './licences.ts';
import type { Piece } from './piece.ts';
import { nodePiece } from './runtime-pieces.ts';

const piece = (name: string, more: Partial<Piece> = {}): Piece => ({
  ref: `/app/node_modules/${name}`,
  kind: 'npm',
  name,
  version: '1.0.0',
  licence: 'MIT',
  paths: [`/app/node_modules/${name}`],
  purl: `pkg:npm/${name}@1.0.0`,
  dependsOn: [],
  texts: [{ file: 'LICENSE', text: `text of ${name}` }],
  ...more,
});
const PIECES = [
  piece('one', { dependsOn: ['/app/node_modules/@scope/two'], sha512: 'ab'.repeat(64), description: 'The first' }),
  piece('@scope/two', { licence: 'Apache-2.0', purl: 'pkg:npm/%40scope/two@1.0.0' }),
  piece('node', {
    kind: 'node',
    ref: '/usr/local/bin/node',
    cpe: 'cpe:2.3:a:nodejs:node.js:24.0.0:*:*:*:*:*:*:*',
    contains: { openssl: '3.5.8' },
  }),
  piece('libstdc++6', { kind: 'system', licence: 'GPL-3.0-or-later WITH GCC-exception-3.1' }),
];
const PRODUCT = { name: 'product', version: '0.1.0', licence: 'Apache-2.0', dependsOn: ['/app/node_modules/one'] };

/**
 * The schema as CycloneDX publishes it, with the schemas that it refers to. Formats that need a library of their own
 * are not checked.
 */
function schemaFaults(bill: unknown): unknown {
  const folder = join(dirname(createRequire(import.meta.url).resolve('@cyclonedx/cyclonedx-library')), '../res/schema');
  const schema = (name: string): Record<string, unknown> =>
    JSON.parse(readFileSync(join(folder, `${name}.SNAPSHOT.schema.json`), 'utf8')) as Record<string, unknown>;
  const ajv = new Ajv({ strict: false, validateFormats: false });
  for (const name of ['spdx', 'jsf-0.82', 'cryptography-defs'])
    ajv.addSchema(schema(name), `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`);
  const validate = ajv.compile(schema('bom-1.6'));
  return validate(bill) ? [] : validate.errors;
}

describe('the bill of materials', () => {
  interface Bill {
    readonly components: { readonly name: string; readonly group?: string; readonly components?: { name: string }[] }[];
    readonly dependencies: { ref: string; dependsOn?: string[] }[];
    readonly serialNumber: string;
    readonly metadata: { readonly timestamp?: string };
  }
  const bill = (pieces = PIECES, seconds?: number): Bill =>
    JSON.parse(billOfMaterials(PRODUCT, pieces, seconds)) as Bill;

  test('is valid against the schema of CycloneDX 1.6', () => {
    expect(schemaFaults(bill())).toEqual([]);
    expect(schemaFaults({ ...bill(), components: [{ name: 'x' }] })).not.toEqual([]);
  });
  test('names the dependencies of each package, and the parts of Node', () => {
    const { components, dependencies } = bill();
    expect(dependencies.find(({ ref }) => ref === 'product')?.dependsOn).toEqual(['/app/node_modules/one']);
    expect(dependencies.find(({ ref }) => ref === '/app/node_modules/one')?.dependsOn).toEqual([
      '/app/node_modules/@scope/two',
    ]);
    expect(components.find(({ name }) => name === 'two')?.group).toBe('@scope');
    expect(components.find(({ name }) => name === 'node')?.components?.map(({ name }) => name)).toEqual(['openssl']);
  });
  test('names no part of Node that this Node is built without', () => {
    const parts = Object.entries(nodePiece().contains!);
    expect(parts.map(([name]) => name)).toEqual(expect.arrayContaining(['v8', 'openssl', 'sqlite']));
    expect(parts.filter(([, version]) => version === '')).toEqual([]);
  });
  test('of the same pieces is the same, and has another number for others', () => {
    expect(billOfMaterials(PRODUCT, PIECES, undefined)).toBe(billOfMaterials(PRODUCT, PIECES, undefined));
    expect(bill().serialNumber).not.toBe(bill([...PIECES, piece('three')]).serialNumber);
  });
  test('bears the time of the release, if there is one', () => {
    expect(bill(PIECES, 1_790_000_000).metadata.timestamp).toBe('2026-09-21T14:13:20.000Z');
    expect(bill().metadata.timestamp).toBeUndefined();
  });
  test('is refused when something is needed that is not there', () => {
    expect(() => bill([piece('one', { dependsOn: ['/app/node_modules/gone'] })])).toThrow(
      'one needs /app/node_modules/gone, which is not in the image',
    );
  });
});

describe('licences', () => {
  test('outside the list are reported; those of the system have a list of their own', () => {
    expect(forbidden(PIECES)).toEqual([]);
    expect(forbidden([piece('bad', { licence: 'AGPL-3.0-only' })])).toEqual([
      'bad 1.0.0 is under AGPL-3.0-only, which is not in the list of allowed licences',
    ]);
    expect(forbidden([piece('bad', { licence: 'LGPL-2.1-or-later' })])).toHaveLength(1);
  });
  test('are listed with name, version and text; ours is not a third party', () => {
    const list = licenceList(
      [...PIECES, piece('mine', { kind: 'ours' }), piece('bare', { texts: [] })],
      'APACHE',
      'the image',
    );
    expect(list).toContain('one 1.0.0\nLicense: MIT');
    expect(list).toContain('text of @scope/two');
    expect(list).toContain('[the package brings no licence file: the text of MIT]');
    expect(list).not.toContain('mine');
  });
  test('without any text stop the build', () => {
    expect(() => licenceList([piece('bare', { licence: 'ISC', texts: [] })], 'APACHE', 'the image')).toThrow(
      'bare is under ISC and brings no text of it',
    );
  });
});
