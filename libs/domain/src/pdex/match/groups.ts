import { PDEX, US_NPI } from '../codes.ts';
import { type GroupPayer, managingEntity } from '../group.ts';
import { containable } from './contained.ts';
import type { Json } from './elements.ts';
import type { SubmittedBundle } from './request.ts';

/** The Groups of a result. `constrained` is there only where the payer switched it on (M53). */
export type ResultKind = 'matched' | 'nonmatched' | 'constrained';

/** What a Group of a result says beside its entries. */
export interface ResultHead {
  readonly kind: ResultKind;
  readonly id: string;
  /** RFC 3339 instant. */
  readonly lastUpdated: string;
  /** The attesting NPIs. */
  readonly npis: readonly string[];
  /** The id of the result, under the payer's system `{base}/identifier/match-result`. */
  readonly result: { readonly system: string; readonly value: string };
  readonly payer: GroupPayer;
  /** Day of the match, and the last day of a matched Group. */
  readonly from: string;
  readonly to?: string;
}

/** One bundle of the request in a Group of the result. */
export interface ResultEntry {
  readonly place: number;
  readonly ids: SubmittedBundle['ids'];
  /** Our member, for `matched` and `constrained`. */
  readonly member?: string;
  /** The submitted Patient as `readBundle` returns it. Absent if it is no valid FHIR, or after its expiry (M75). */
  readonly patient?: object;
  /** Only for a person with more than one bundle (M58). */
  readonly coverage?: object;
}

/**
 * The line of a Group in parts, each of them JSON text, so that entries can be stored for each member. With at least
 * one entry: `head`, contained parts joined by commas between `contained` marks, entries joined by commas between
 * `member` marks, and `tail(count)`. `resultLine` puts them together.
 */
export interface EntryParts {
  /** Contained resources without a comma around them; empty if the entry has none. */
  readonly contained: string;
  readonly entry: string;
}

const RESULTS = 'http://hl7.org/fhir/us/davinci-pdex/CodeSystem/PdexMultiMemberMatchResultCS';
const OPT_OUT_SCOPE = 'http://hl7.org/fhir/us/davinci-pdex/CodeSystem/opt-out-scope';
const KINDS = {
  matched: { profile: 'pdex-provider-member-match', code: 'match', display: 'Matched' },
  nonmatched: { profile: 'pdex-provider-member-no-match', code: 'nomatch', display: 'Not Matched' },
  constrained: { profile: 'pdex-member-opt-out', code: 'consentconstraint', display: 'Consent Constraint' },
} as const satisfies Record<ResultKind, object>;
/** URLs by which readers tell the Groups of a result apart (M56). */
export const RESULT_PROFILES: Readonly<Record<ResultKind, string>> = {
  matched: PDEX + KINDS.matched.profile,
  nonmatched: PDEX + KINDS.nonmatched.profile,
  constrained: PDEX + KINDS.constrained.profile,
};
const MATCH_PARAMETERS = `${PDEX}base-ext-match-parameters`;
const MATCH_COVERAGE = `${PDEX}base-ext-match-coverage`;

/** The line up to its contained resources: an object that is still open. It names no member. */
export function headPart(head: ResultHead): string {
  const { kind, id, npis, result, payer } = head;
  const { code, display } = KINDS[kind];
  const coded = { coding: [{ system: RESULTS, code, display }] };
  const characteristic = characteristicsOf(head, coded);
  const open = {
    resourceType: 'Group',
    id,
    identifier: [...npis.map(npiOf), result],
    active: true,
    type: 'person',
    actual: true,
    code: coded,
    ...managingEntity(payer),
    ...(characteristic.length > 0 && { characteristic }),
  };
  return JSON.stringify(open).slice(0, -1);
}

const npiOf = (value: string) => ({ system: US_NPI, value });

function characteristicsOf({ kind, npis, from, to }: ResultHead, code: object): readonly object[] {
  const period = { start: from, ...(to !== undefined && { end: to }) };
  switch (kind) {
    case 'matched':
      return npis.map((npi) => ({ code, valueReference: { identifier: npiOf(npi) }, exclude: false, period }));
    case 'constrained': {
      // The profile asks for one scope for the whole Group. Whom else a member bars is nobody's business.
      const valueCodeableConcept = { coding: [{ system: OPT_OUT_SCOPE, code: 'global' }] };
      return [{ code, valueCodeableConcept, exclude: false, period: { start: from } }];
    }
    case 'nonmatched':
      return [];
  }
}

/** The end of the line. The profiles ask for a member, so a Group without one does not claim them (M51). */
export function tailPart({ kind, lastUpdated }: Pick<ResultHead, 'kind' | 'lastUpdated'>, count: number): string {
  const meta = { lastUpdated, ...(count > 0 && { profile: [RESULT_PROFILES[kind]] }) };
  return `,"meta":${JSON.stringify(meta)},"quantity":${count}}`;
}

/** The parts of one entry. NonMatched never names a member, so its entry is the contained Patient (M52). */
export function entryParts(kind: ResultKind, { place, ids, member, patient, coverage }: ResultEntry): EntryParts {
  const contained = [
    ...(patient === undefined ? [] : [{ ...patient, id: ids.patient }]),
    ...(patient === undefined || coverage === undefined ? [] : [containedCoverage(coverage, ids)]),
  ];
  const extension = [
    ...(patient === undefined ? [] : [extensionTo(MATCH_PARAMETERS, ids.patient)]),
    ...(contained.length < 2 ? [] : [extensionTo(MATCH_COVERAGE, ids.coverage)]),
  ];
  const reference =
    kind === 'nonmatched' ? (patient === undefined ? undefined : `#${ids.patient}`) : `Patient/${member}`;
  const entity = {
    ...(extension.length > 0 && { extension }),
    // A Patient that is no valid FHIR would make the Group invalid, so the place stands for it (ADR 0125).
    ...(reference === undefined ? { display: `MemberBundle ${place}` } : { reference }),
  };
  return { contained: contained.map((one) => JSON.stringify(one)).join(','), entry: JSON.stringify({ entity }) };
}

const extensionTo = (url: string, id: string) => ({ url, valueReference: { reference: `#${id}` } });

/** The submitted Coverage beside its Patient. */
function containedCoverage(coverage: object, ids: ResultEntry['ids']): object {
  const { id: _id, beneficiary: _beneficiary, ...rest } = containable(coverage as Json, true);
  return { ...rest, id: ids.coverage, beneficiary: { reference: `#${ids.patient}` } };
}

/** The whole line, without a line end. */
export function resultLine(head: ResultHead, entries: readonly ResultEntry[]): string {
  const parts = entries.map((entry) => entryParts(head.kind, entry));
  const contained = parts.map((part) => part.contained).filter((text) => text !== '');
  return [
    headPart(head),
    contained.length === 0 ? '' : `,"contained":[${contained.join(',')}]`,
    parts.length === 0 ? '' : `,"member":[${parts.map(({ entry }) => entry).join(',')}]`,
    tailPart(head, parts.length),
  ].join('');
}
