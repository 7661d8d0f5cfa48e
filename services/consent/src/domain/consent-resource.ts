import type { DomainEvent, EventFault, PayerEvent } from '@provider-access/events';
import { checkShape, isObject } from '@provider-access/fhir';
import { patientOfConsent, readConsent } from '@provider-access/domain/pdex';
import type { PayerDays } from '@provider-access/domain/pdex/days';

/** The only resource type that states an opt-out. */
export const CONSENTS: ReadonlySet<string> = new Set(['Consent']);
/** Events that carry a resource. A Consent belongs only into the first one; in the others it is a fault that denies. */
export const RESOURCE_CARRIERS = [
  'payer.resource-recorded.v1',
  'payer.prior-authorization-changed.v1',
  'payer.provider-recorded.v1',
] as const;
const isCarrier = (type: string): boolean => (RESOURCE_CARRIERS as readonly string[]).includes(type);
/** The subject of this event is a provider, so only the Consent itself names the member. */
export const PROVIDER_RECORDED = 'payer.provider-recorded.v1';

type OptOutEvent = Extract<PayerEvent, { type: 'payer.member-opted-out.v1' }>;
export type ConsentResource =
  /** It restricts nothing that this platform serves. */
  | { readonly kind: 'none' }
  | { readonly kind: 'fault'; readonly fault: EventFault }
  /** The event with the same meaning. */
  | { readonly kind: 'opt-out'; readonly event: OptOutEvent & DomainEvent };

const fault = (reason: EventFault['reason'], detail: string): ConsentResource => ({
  kind: 'fault',
  fault: { reason, detail },
});

/**
 * What a valid event about a Consent states. Pure. `appendedAt` is ms since the epoch; `days` tell when a day of the
 * payer ends.
 */
export function decideConsentResource(
  event: PayerEvent & DomainEvent,
  appendedAt: number,
  days: PayerDays,
): ConsentResource {
  const { resource } = event.data as { readonly resource: Readonly<Record<string, unknown>> };
  const reading = readConsent(resource, appendedAt, days);
  if (reading.kind === 'none') return reading;
  if (event.type === PROVIDER_RECORDED)
    return fault('not-a-provider-type', 'a Consent belongs to a member: publish it as payer.resource-recorded.v1');
  if (event.type !== 'payer.resource-recorded.v1')
    return fault(
      'not-a-prior-authorization',
      'a Consent is no prior authorization: publish it as payer.resource-recorded.v1',
    );
  const issues = checkShape(resource);
  if (issues.length > 0)
    return fault(
      'invalid-resource',
      issues.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('; '),
    );
  const patient = patientOfConsent(resource);
  if (patient !== undefined && patient !== event.subject)
    return fault('names-another-member', "Consent.patient is not the event's subject");
  const { scope, targets, effectiveFrom, setBy } = reading;
  const data: OptOutEvent['data'] = {
    scope,
    setBy,
    ...(targets !== undefined && { targets: targets.map((target) => ({ ...target })) }),
    ...(effectiveFrom !== undefined && { effectiveFrom }),
  };
  return { kind: 'opt-out', event: { ...event, type: 'payer.member-opted-out.v1', data } };
}

/** Whether a faulty resource event may be about a Consent that denies. The frame lets only Consents through. */
export function mayDeny(type: string, data: unknown, appendedAt: number, days: PayerDays): boolean {
  if (!isCarrier(type)) return false;
  const resource = isObject(data) ? data['resource'] : undefined;
  return (
    typeof resource !== 'object' ||
    resource === null ||
    readConsent(resource as Readonly<Record<string, unknown>>, appendedAt, days).kind !== 'none'
  );
}
