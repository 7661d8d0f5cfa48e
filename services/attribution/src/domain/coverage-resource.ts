import { parseReference } from '@provider-access/fhir';
import { EVER } from '@provider-access/facts';
import type { PayerDays } from '@provider-access/pdex/days';
import { isDate, spanOf } from './dates.ts';

/** What a Coverage resource says about when the member is covered. */
export interface CoverageSpan { readonly coverageId: string; readonly from: string; readonly to?: string; readonly cancelled?: true }
export type CoverageReading = { readonly ok: true; readonly span: CoverageSpan } | { readonly ok: false; readonly detail: string };

/** Of a Coverage without period.start. */
const LONG_AGO = '1900-01-01T00:00:00Z';
/** Synthea's way to say that somebody pays for himself. */
const NO_INSURANCE = 'NO_INSURANCE';
const NOT_COVERING = new Set(['cancelled', 'entered-in-error', 'draft']);

type Json = Readonly<Record<string, unknown>>;
const isObject = (v: unknown): v is Json => typeof v === 'object' && v !== null && !Array.isArray(v);
const objects = (v: unknown): readonly Json[] => (Array.isArray(v) ? v.filter(isObject) : []);

function paidByNobody(coverage: Json): boolean {
  const contained = objects(coverage['contained']);
  return objects(coverage['payor']).some((payor) => {
    const organization = typeof payor['reference'] === 'string' ? contained.find((c) => `#${String(c['id'])}` === payor['reference']) : undefined;
    const identifier = payor['identifier'];
    return payor['display'] === NO_INSURANCE || (isObject(identifier) && identifier['value'] === NO_INSURANCE) || organization?.['name'] === NO_INSURANCE;
  });
}

/** https://hl7.org/fhir/R4/coverage.html : `subject` is the member that the event is about. */
export function readCoverage(coverage: Json, subject: string, days: PayerDays): CoverageReading {
  const fail = (detail: string): CoverageReading => ({ ok: false, detail });
  const { id, status, beneficiary, period } = coverage;
  if (typeof id !== 'string' || !/^[A-Za-z0-9\-.]{1,64}$/.test(id)) return fail('Coverage.id must be an id');
  const text = isObject(beneficiary) ? beneficiary['reference'] : undefined;
  const reference = typeof text === 'string' ? parseReference(text) : undefined;
  if (reference === undefined || (reference.kind !== 'relative' && reference.kind !== 'absolute') || reference.type !== 'Patient' || reference.id !== subject) return fail('Coverage.beneficiary must be the subject of the event');
  if (typeof status === 'string' && NOT_COVERING.has(status)) return { ok: true, span: { coverageId: id, from: EVER, cancelled: true } };
  if (status !== 'active') return fail('Coverage.status must be active, cancelled, draft or entered-in-error');
  if (paidByNobody(coverage)) return { ok: true, span: { coverageId: id, from: EVER, cancelled: true } };
  if (period !== undefined && !isObject(period)) return fail('Coverage.period must be a Period');
  const start = period?.['start'];
  const end = period?.['end'];
  if ((start !== undefined && !isDate(start)) || (end !== undefined && !isDate(end))) return fail('Coverage.period must hold dates');
  const covers = spanOf(days, start ?? LONG_AGO, end);
  if (covers === undefined) return fail('Coverage.period must not end before it starts');
  return { ok: true, span: { coverageId: id, ...covers } };
}
