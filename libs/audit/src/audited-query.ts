import type { AuditEntry } from '@provider-access/events';

/**
 * What the audit keeps of a query (ADR 0044): the names of its parameters, and values that are codes, dates or numbers.
 * Values that may name a person (names, identifiers, dates of birth, references) are left out; `members` of the entry
 * has the members. The sets are closed, because a client chooses its parameters and may write a name into anything.
 */

/** Parameters whose values are dates. A date of birth or death is none of them, because it helps to name a person. */
const DATES = new Set(
  (
    'abatement-date asserted-date authored authoredon billable-period-start created date effective issued ' +
    'location-period onset-date period recorded recorded-date service-date service-start-date target-date ' +
    '_lastUpdated _since _until'
  ).split(' '),
);
/** Parameters whose values are numbers. */
const NUMBERS = new Set(['_count', 'value-quantity']);
/** Parameters whose values are codes. */
const CODES = new Set(
  (
    'active author-type category class clinical-status code code-value-concept content-type criticality ' +
    'discharge-disposition event facility format gender intent lifecycle-status participant-role reason-code ' +
    'relationship role security-label service-category setting specialty status type use vaccine-code value-concept ' +
    '_elements _format _include _outputFormat _revinclude _sort _summary _total _type ' +
    'exportType organizeOutputBy'
  ).split(' '),
);
/** Parameters whose names are kept without their values. */
const NAMES_ONLY = new Set(
  (
    'address address-city address-postalcode address-state address-use asserter author beneficiary birthdate ' +
    'characteristic coverage custodian death-date email encounter endpoint family given identifier link location ' +
    'managing-entity medication member name organization owner partof participant patient payor performer phone ' +
    'phonetic practitioner primary-organization provider recorder requester source subject target telecom text url ' +
    '_content _id _page _pretty _profile _security _source _tag _text _typeFilter patientIds'
  ).split(' '),
);
const MODIFIERS = new Set(['exact', 'contains', 'text', 'not', 'missing', 'above', 'below', 'in', 'not-in', 'of-type']);
const FREE_TEXT = new Set(['exact', 'contains', 'text']);
const OTHER = 'other';

const DATE = /^(?:eq|ne|gt|ge|lt|le|sa|eb|ap)?\d{4}(?:-\d\d(?:-\d\d(?:T[\d:.]{5,12}(?:Z|[+ -]\d\d:\d\d)?)?)?)?$/;
/** `code` and `system|code`. A text with a space is no code. */
const CODE = /^(?:(?:https?:\/\/|urn:)[A-Za-z0-9./:_-]{1,120})?(?:\|?[A-Za-z0-9.:_/-]{0,64}){1,3}$/;
/** A unit is left out with its number, because a client may write anything into it. */
const NUMBER = /^(?:eq|ne|gt|ge|lt|le|sa|eb|ap)?-?\d{1,30}(?:\.\d{1,30})?$/;
const MOST_PARAMETERS = 40;
const MOST_CHARACTERS = 2000;

function kept(name: string, value: string): string {
  const [, base, modifier] = /^([^:.]{1,64})(?::([^.]{1,64}))?/.exec(name) ?? [];
  if (base === undefined) return OTHER;
  const grammar = DATES.has(base) ? DATE : CODES.has(base) ? CODE : NUMBERS.has(base) ? NUMBER : undefined;
  if (grammar === undefined) return NAMES_ONLY.has(base) ? base : OTHER;
  if (name.includes('.')) return base;
  const known = modifier !== undefined && MODIFIERS.has(modifier);
  const shown = known ? `${base}:${modifier}` : base;
  if (modifier !== undefined && (!known || FREE_TEXT.has(modifier))) return shown;
  const codes = modifier === 'missing' ? CODE : grammar;
  return value.split(',').every((one) => codes.test(one)) ? `${shown}=${value}` : shown;
}

/** The `query` of an entry, sorted; nothing if the request has no parameters. */
export function auditedQuery(parameters: Iterable<readonly [name: string, value: string]>): Pick<AuditEntry, 'query'> {
  const parts = new Set<string>();
  let characters = 0;
  for (const [name, value] of parameters) {
    const part = kept(name, value);
    characters += part.length + 1;
    if (parts.size === MOST_PARAMETERS || characters > MOST_CHARACTERS) {
      parts.add(OTHER);
      break;
    }
    parts.add(part);
  }
  return parts.size === 0 ? {} : { query: [...parts].toSorted().join('&') };
}
