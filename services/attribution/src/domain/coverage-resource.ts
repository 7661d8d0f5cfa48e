import { isId, isObject, patientReference } from '@provider-access/fhir';
import { EVER } from '@provider-access/facts';
import type { PayerDays } from '@provider-access/domain/pdex/days';
import { endOf, isDate, spanOf } from './dates.ts';
import { isPaidByUs, type PayerIdentity } from '@provider-access/domain/pdex';

type Json = Readonly<Record<string, unknown>>;
const objects = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.filter(isObject) : []);

/** What a Coverage resource states about the time for which the member is covered. */
interface CoverageSpan {
  readonly coverageId: string;
  readonly from: string;
  readonly to?: string;
  readonly cancelled?: true;
  readonly plan?: string;
}
export type CoverageReading =
  /**
   * `replaces`: the span is everything that is known of the coverage. Without `span` the Coverage states nothing.
   * `foreign`: none of its payors is this payer.
   */
  | { readonly ok: true; readonly span?: CoverageSpan & { readonly replaces?: true }; readonly foreign?: true }
  | { readonly ok: false; readonly detail: string };

/** For a Coverage without period.start. */
const LONG_AGO = '1900-01-01T00:00:00Z';
/** Synthea's code for a person who pays without insurance. */
const NO_INSURANCE = 'NO_INSURANCE';
const NOT_COVERING = new Set(['cancelled', 'entered-in-error', 'draft']);

function paidByNobody(coverage: Json): boolean {
  const contained = objects(coverage['contained']);
  return objects(coverage['payor']).some((payor) => {
    const organization =
      typeof payor['reference'] === 'string'
        ? contained.find((c) => `#${String(c['id'])}` === payor['reference'])
        : undefined;
    const identifier = payor['identifier'];
    return (
      payor['display'] === NO_INSURANCE ||
      (isObject(identifier) && identifier['value'] === NO_INSURANCE) ||
      organization?.['name'] === NO_INSURANCE
    );
  });
}

/** The most characters of a plan, as in an enrolment. */
const MOST_PLAN = 500;
/** `Coverage.class` of type `plan`, if there is exactly one. */
function planOf(coverage: Json): string | undefined {
  const values = objects(coverage['class'])
    .filter(({ type }) => isObject(type) && objects(type['coding']).some(({ code }) => code === 'plan'))
    .map(({ value }) => value);
  const [plan] = values;
  return values.length === 1 && typeof plan === 'string' && plan.length <= MOST_PLAN ? plan : undefined;
}

/** https://hl7.org/fhir/R4/coverage.html : `subject` is the member of the event. */
export function readCoverage(coverage: Json, subject: string, days: PayerDays, payer: PayerIdentity): CoverageReading {
  const plan = planOf(coverage);
  const of = plan === undefined ? {} : { plan };
  const nothing: CoverageReading = {
    ok: true,
    span: { coverageId: String(coverage['id']), from: EVER, cancelled: true, replaces: true, ...of },
  };
  const fail = (detail: string): CoverageReading => ({ ok: false, detail });
  const { id, status, beneficiary, period } = coverage;
  if (!isId(id)) return fail('Coverage.id must be an id');
  if (patientReference(beneficiary)?.id !== subject)
    return fail('Coverage.beneficiary must be the subject of the event');
  if (typeof status === 'string' && NOT_COVERING.has(status)) return nothing;
  if (status !== 'active') return fail('Coverage.status must be active, cancelled, draft or entered-in-error');
  if (paidByNobody(coverage)) return nothing;
  const ours = isPaidByUs(coverage, payer);
  if (!ours && payer.known) return { ...nothing, foreign: true };
  if (period !== undefined && !isObject(period)) return fail('Coverage.period must be a Period');
  const start = period?.['start'];
  const end = period?.['end'];
  if ((start !== undefined && !isDate(start)) || (end !== undefined && !isDate(end)))
    return fail('Coverage.period must hold dates');
  const covers = spanOf(days, start ?? LONG_AGO, end);
  if (covers === undefined) return fail('Coverage.period must not end before it starts');
  if (ours) return { ok: true, span: { coverageId: id, ...covers, replaces: true, ...of } };
  const ends = end === undefined ? undefined : endOf(days, end);
  return {
    ok: true,
    foreign: true,
    ...(ends !== undefined && { span: { coverageId: id, from: ends, cancelled: true as const, ...of } }),
  };
}
