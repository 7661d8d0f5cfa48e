import { isObject, parseReference } from '@provider-access/fhir';

/** How payors of Coverages identify this payer. */
export interface PayerIdentity {
  /** `Organization/<id>`, or an absolute URL of one. */
  readonly references: ReadonlySet<string>;
  /** `system|value` */
  readonly identifiers: ReadonlySet<string>;
  /** True if the operator configured the payer's identifiers. Then every other payor is another payer. */
  readonly known: boolean;
}

/** @param listed PAYER_IDENTIFIERS; @param organization PAYER_ORGANIZATION, which is the payer in any case */
export function payerIdentity(listed: readonly string[] | undefined, organization: string): PayerIdentity {
  const all = [...(listed ?? []), organization];
  return {
    references: new Set(all.filter((text) => !text.includes('|'))),
    identifiers: new Set(all.filter((text) => text.includes('|'))),
    known: listed !== undefined,
  };
}

type Json = Readonly<Record<string, unknown>>;
const objects = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.filter(isObject) : []);
const CONDITION = /^Organization\?identifier=(.+)$/;

function hasIdentifier(identifier: unknown, { identifiers }: PayerIdentity): boolean {
  if (!isObject(identifier)) return false;
  const { system, value } = identifier;
  return typeof system === 'string' && typeof value === 'string' && identifiers.has(`${system}|${value}`);
}

/** `Organization?identifier=system|value`, encoded as in a URL or not. */
function isCondition(text: string, { identifiers }: PayerIdentity): boolean {
  const condition = CONDITION.exec(text)?.[1];
  if (condition === undefined) return false;
  try {
    return identifiers.has(decodeURIComponent(condition));
  } catch {
    return false;
  }
}

/**
 * Whether one of the payors of a Coverage is this payer: by a literal or conditional reference, by its identifier, or
 * by the identifier of the contained Organization that it refers to. A name or `display` identifies nobody.
 */
export function isPaidByUs(coverage: Json, payer: PayerIdentity): boolean {
  const contained = objects(coverage['contained']);
  return objects(coverage['payor']).some(({ reference: text, identifier }) => {
    if (hasIdentifier(identifier, payer)) return true;
    if (typeof text !== 'string') return false;
    const reference = parseReference(text);
    switch (reference.kind) {
      case 'literal': {
        const name = `${reference.type}/${reference.id}`;
        return payer.references.has(reference.base === undefined ? name : `${reference.base}/${name}`);
      }
      case 'contained':
        return contained.some(
          (c) => c['id'] === reference.id && objects(c['identifier']).some((i) => hasIdentifier(i, payer)),
        );
      case 'other':
        return isCondition(text, payer);
    }
  });
}
