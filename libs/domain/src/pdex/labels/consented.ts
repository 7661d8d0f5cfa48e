import { npiKey, type ProviderKey, tinKey } from '@provider-access/events';
import { isObject } from '@provider-access/fhir';
import { CODES, identified, isMoment } from '../consent.ts';
import { PayerDays } from '../days/payer-days.ts';
import { normalLabel } from './names.ts';
import type { LabelPermit } from './policy.ts';

/** The elements that a Consent may have. Any other one could narrow it, so a Consent with one permits nothing. */
const UNDERSTOOD = new Set([
  ...['resourceType', 'id', 'meta', 'text', 'identifier', 'status', 'scope', 'category', 'patient', 'dateTime'],
  ...['performer', 'organization', 'sourceAttachment', 'sourceReference', 'policy', 'policyRule', 'provision'],
]);
const PROVISION = new Set(['type', 'period', 'actor', 'action', 'purpose', 'securityLabel']);
const PERFORMER = [`${CODES}provenance-participant-type|performer`];
const RECIPIENT = [`${CODES}v3-ParticipationType|IRCP`, `${CODES}v3-ParticipationType|PRCP`];
const ACTIONS = [`${CODES}consentaction|disclose`, `${CODES}consentaction|access`];
const TREATMENT = `${CODES}v3-ActReason|TREAT`;
const ANYWHERE = new PayerDays();

/**
 * What the member permits by a FHIR R4 Consent: the release of resources with these labels, for treatment (ADR 0043).
 * Only a Consent of which every element is understood permits something, and only by its labels: it never ends an
 * opt-out. A Consent that denies at any place permits nothing.
 * @param at ms since the epoch
 */
export function permitsOf(consent: Readonly<Record<string, unknown>>, at: number): readonly LabelPermit[] {
  const { provision, scope } = consent;
  if (consent['status'] !== 'active' || !onlyHas(consent, UNDERSTOOD)) return [];
  if (!codesOf(scope).includes(`${CODES}consentscope|patient-privacy`)) return [];
  if (!isObject(provision) || provision['type'] !== 'permit' || !onlyHas(provision, PROVISION)) return [];
  if (!isInForce(provision['period'], at)) return [];
  const { action, purpose, securityLabel } = provision;
  if (action !== undefined && !(isArray(action) && action.every((a) => codesOf(a).some((c) => ACTIONS.includes(c)))))
    return [];
  if (purpose !== undefined && !(isArray(purpose) && purpose.some((p) => codeOf(p) === TREATMENT))) return [];
  const recipients = recipientsOf(provision['actor']);
  if (recipients === undefined || !isArray(securityLabel)) return [];
  return securityLabel.flatMap((coding) => {
    const label = codeOf(coding);
    if (label === undefined) return [];
    return [{ label: normalLabel(label), ...(recipients.length > 0 && { recipients }) }];
  });
}

const isArray = (value: unknown): value is readonly unknown[] => Array.isArray(value);
const onlyHas = (object: object, names: ReadonlySet<string>): boolean =>
  Object.keys(object).every((name) => names.has(name));

/** An end that is unreadable could be over, and a beginning that is unreadable could be ahead. */
function isInForce(period: unknown, at: number): boolean {
  if (period === undefined) return true;
  if (!isObject(period) || !onlyHas(period, new Set(['start', 'end']))) return false;
  const { start, end } = period;
  if (start !== undefined && !(isMoment(start) && at >= ANYWHERE.permitsFrom(start))) return false;
  return end === undefined || (isMoment(end) && at < (ANYWHERE.permitsUntil(end) ?? Number.POSITIVE_INFINITY));
}

/** The providers who may receive the resources, [] for all; undefined if an actor is not understood. */
function recipientsOf(actor: unknown): readonly ProviderKey[] | undefined {
  if (actor === undefined) return [];
  if (!isArray(actor)) return undefined;
  const recipients: ProviderKey[] = [];
  for (const one of actor) {
    if (!isObject(one) || !onlyHas(one, new Set(['role', 'reference']))) return undefined;
    const roles = codesOf(one['role']);
    // The actor that discloses is the payer itself.
    if (roles.length > 0 && roles.every((role) => PERFORMER.includes(role))) continue;
    const provider = roles.some((role) => RECIPIENT.includes(role)) ? providerOf(one['reference']) : undefined;
    if (provider === undefined) return undefined;
    recipients.push(provider);
  }
  return recipients;
}

function providerOf(reference: unknown): ProviderKey | undefined {
  const provider = identified(reference);
  if (provider === undefined) return undefined;
  return 'npi' in provider ? npiKey(provider.npi) : tinKey(provider.tin);
}

/** `system|code`; undefined without a system or a code. */
function codeOf(coding: unknown): string | undefined {
  const { system, code } = isObject(coding) ? coding : {};
  return typeof system === 'string' && typeof code === 'string' ? `${system}|${code}` : undefined;
}
function codesOf(concept: unknown): readonly string[] {
  const coding = isObject(concept) ? concept['coding'] : undefined;
  return isArray(coding) ? coding.flatMap((one) => codeOf(one) ?? []) : [];
}
