import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { noGo } from '@provider-access/testing';
import { describeUnless } from '../describe-unless.ts';
import { CRD_KINDS, crdFile } from './crds.ts';

describeUnless(noGo, 'definitions of foreign kinds', () => {
  test.each(CRD_KINDS)('the definition of %s is there', async (kind) => {
    const text = readFileSync(await crdFile(kind), 'utf8');
    expect(text).toContain('kind: CustomResourceDefinition');
    expect(text).toMatch(new RegExp(`^ {4}kind: ${kind}$`, 'm'));
  });
});
