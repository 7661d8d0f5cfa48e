import type { PayerEvent } from '@provider-access/events';
import {
  API_PURPOSE,
  codingsOf,
  CONSENT_SCOPE,
  isAboutSomethingElse,
  isMoment,
  patientOfConsent,
  readConsent,
  recipientsOf,
} from '@provider-access/domain/pdex';
import type { PayerDays } from '@provider-access/domain/pdex/days';
import { checkShape, isId, isObject, parseReference, patientReference } from '@provider-access/fhir';
import { Refusal } from '@provider-access/kernel';
import { OPT_OUT_REASON } from './resource.ts';

/** Who creates a Consent: the payer's portal, or a person of the payer whom the member called. */
export type Creator = { readonly channel: 'member-portal' } | { readonly channel: 'phone'; readonly enteredBy: string };
type Stated<Type extends PayerEvent['type']> = {
  readonly type: Type;
  readonly data: Readonly<Record<string, unknown>>;
};
/** What a Consent states, as the event of the payer with the same meaning. */
export interface PostedConsent {
  readonly member: string;
  readonly event: Stated<'payer.member-opted-out.v2'> | Stated<'payer.member-opted-in.v2'>;
}
type Json = Readonly<Record<string, unknown>>;

const MOST_SHOWN = 5;
/** A version, and no story of the call. */
const SCRIPT = /^[\w .:/-]{1,100}$/;
const DAY = 'YYYY-MM-DD';
const refuse = (text: string, expression: string): Refusal => new Refusal('unprocessable', text, { expression });

/**
 * The decision of a member in a Consent that the portal creates (PEOPLE.md N20 to N26), or a person of the payer on the
 * telephone, who says with `sourceAttachment.title` which words were read out. What is not fully understood
 * denies everybody, and never permits.
 * @param at ms since the epoch. A denial that ended before is refused
 * @param base the base URL of the FHIR API
 * @throws Refusal 400 if it is no R4 Consent, 422 if it states nothing that this API can keep
 */
export function readPosted(
  body: unknown,
  {
    at,
    days,
    base,
    by,
  }: { readonly at: number; readonly days: PayerDays; readonly base: string; readonly by: Creator },
): PostedConsent {
  if (!isObject(body) || body['resourceType'] !== 'Consent')
    throw new Refusal('invalid-request', 'The body must be a FHIR Consent as JSON.', { expression: 'resourceType' });
  const issues = checkShape(body);
  if (issues.length > 0)
    throw new Refusal(
      'invalid-request',
      `This is no Consent of FHIR R4: ${issues
        .slice(0, MOST_SHOWN)
        .map(({ path, message }) => `${path}: ${message}`)
        .join('; ')}.`,
      { expression: issues[0]!.path },
    );
  if (body['status'] !== 'active')
    throw refuse(
      'Consent.status must be active. No other status revokes a decision: create a Consent with the provision.type ' +
        'that the member wants from now on.',
      'Consent.status',
    );
  if (isAboutSomethingElse(body))
    throw refuse(
      'Consent.category and Consent.scope must be about the Provider Access API (category provider-access). This API ' +
        'keeps no decision about payer-to-payer, patient-access, research or an advance directive.',
      'Consent.category',
    );
  const member = memberOf(body, base);
  const reading = readConsent(body, at, days);
  const said = { ...by, ...(by.channel === 'phone' && { script: scriptOf(body) }), ...reasonOf(body) };
  if (reading.kind === 'none') return { member, event: optIn(body, member, said) };
  const { kind: _kind, ...data } = reading;
  const proof = data.setBy === 'personal-representative' ? proofOf(body) : undefined;
  return {
    member,
    event: {
      type: 'payer.member-opted-out.v2',
      data: { ...data, ...said, ...(proof !== undefined && { proof }) },
    },
  };
}

function memberOf(consent: Json, base: string): string {
  const id = patientOfConsent(consent);
  const elsewhere = patientReference(consent['patient'])?.base;
  if (id === undefined || !isId(id) || (elsewhere !== undefined && elsewhere !== base))
    throw refuse('Consent.patient must be a reference to Patient/<id of a member> of this server.', 'Consent.patient');
  return id;
}

/** Everything that a permission says must be understood, so that nobody gets more than the member permitted. */
function optIn(consent: Json, member: string, said: Json): Stated<'payer.member-opted-in.v2'> {
  const { provision } = consent;
  if (!isObject(provision) || provision['type'] !== 'permit')
    throw refuse(
      'Consent.provision.type must be deny (an opt-out) or permit (an opt-in). A denial whose period has ended ' +
        'states nothing.',
      'Consent.provision',
    );
  const isOurs =
    codesOf(consent['scope']).some(([system, code]) => system === CONSENT_SCOPE && code === 'patient-privacy') &&
    categoriesOf(consent, API_PURPOSE).join() === 'provider-access';
  if (!isOurs)
    throw refuse(
      'A permission needs the scope patient-privacy and the category provider-access, and no category of another API.',
      'Consent.category',
    );
  const targets = hasModifier(consent) ? undefined : recipientsOf(provision, 'permit');
  if (targets === undefined)
    throw refuse(
      'A permission may have type, period, actors and the action disclose. Each recipient (role IRCP) has an ' +
        'identifier that is a valid NPI or TIN, and there are at most 100. Nothing else is understood.',
      'Consent.provision',
    );
  const { start, end } = isObject(provision['period']) ? provision['period'] : {};
  if (!isMoment(start) || start.length < DAY.length || end !== undefined)
    throw refuse(
      'A permission needs provision.period.start, a day or an instant with a zone. It has no end: create a Consent ' +
        'that denies when it ends.',
      'Consent.provision.period',
    );
  return {
    type: 'payer.member-opted-in.v2',
    data: {
      ...(targets.length === 0 ? { scope: 'global' } : { scope: 'provider-specific', targets }),
      effectiveFrom: start,
      ...speaker(consent, member),
      ...said,
    },
  };
}

const hasModifier = ({ modifierExtension }: Json): boolean => modifierExtension !== undefined;

/** Who opts in: the member, or a representative with a proof (N9). */
function speaker(consent: Json, member: string): Json {
  const [performer, ...others] = referencesIn(consent['performer']);
  if (others.length === 0 && performer?.type === 'Patient' && performer.id === member) return { setBy: 'member' };
  if (others.length > 0 || performer?.type !== 'RelatedPerson')
    throw refuse(
      'Consent.performer must be the member (the Patient of Consent.patient) or a RelatedPerson.',
      'Consent.performer',
    );
  const proof = proofOf(consent);
  if (proof === undefined)
    throw refuse(
      'An opt-in by a personal representative needs Consent.verification with verified true and verifiedWith, which ' +
        'says who checked the authority.',
      'Consent.verification',
    );
  return { setBy: 'personal-representative', proof };
}

/** The check of a representative's authority. The Consent says by whom; until when is not in it. */
function proofOf(consent: Json): Json | undefined {
  const [performer] = referencesIn(consent['performer']);
  const checks: readonly unknown[] = Array.isArray(consent['verification']) ? consent['verification'] : [];
  const check = checks.find((one): one is Json => isObject(one) && one['verified'] === true);
  const by = isObject(check?.['verifiedWith']) ? check['verifiedWith'] : {};
  const verifiedBy = [by['display'], by['reference']].find((text) => typeof text === 'string' && text.length <= 500);
  if (performer === undefined || verifiedBy === undefined) return undefined;
  return { kind: 'consent-verification', reference: `${performer.type}/${performer.id}`, verifiedBy };
}

/** The literal references of a list of References. */
const referencesIn = (list: unknown) =>
  (Array.isArray(list) ? (list as readonly unknown[]) : []).flatMap((one) => {
    const text = isObject(one) ? one['reference'] : undefined;
    const parsed = typeof text === 'string' ? parseReference(text) : undefined;
    return parsed?.kind === 'literal' ? [parsed] : [];
  });

const codesOf = (value: unknown): readonly (readonly [unknown, unknown])[] =>
  codingsOf(value)?.map(({ system, code }) => [system, code] as const) ?? [];
/** The codes of one system among the categories. */
const categoriesOf = ({ category }: Json, system: string): readonly unknown[] =>
  (Array.isArray(category) ? category : []).flatMap(codesOf).flatMap(([of, code]) => (of === system ? [code] : []));

/** @throws Refusal 422 without it, because nobody could say later what the member was told */
function scriptOf({ sourceAttachment }: Json): string {
  const title = isObject(sourceAttachment) ? sourceAttachment['title'] : undefined;
  if (typeof title !== 'string' || !SCRIPT.test(title))
    throw refuse(
      'A decision by telephone needs Consent.sourceAttachment.title: the version of the script, in 100 characters.',
      'Consent.sourceAttachment',
    );
  return title;
}

/** The reason of an opt-out is a category of PDex's code system, as a Consent of this server has it (N8). */
function reasonOf(consent: Json): { readonly reason?: string } {
  const [reason] = categoriesOf(consent, OPT_OUT_REASON);
  return typeof reason === 'string' && reason.length <= 500 ? { reason } : {};
}
