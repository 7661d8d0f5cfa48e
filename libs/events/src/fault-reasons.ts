/**
 * Why an inbound event was refused or became a dead letter: one closed table for all services, dead letters, receipts,
 * metrics and `docs/dead-letters.md`. Each text says what is wrong and, where it is not obvious, what to do.
 */
export const FAULT_REASONS = {
  'not-a-cloudevent': 'An attribute of the CloudEvents envelope is missing, or its value is not allowed.',
  'not-json': 'The event or its data is not JSON.',
  'unknown-event-type':
    'No event type of the platform has this name and version. Compare it with the AsyncAPI document.',
  'wrong-topic': 'Events of this type belong on another topic.',
  'key-names-another-member':
    "The key of the Kafka record is not the event's subject, so the event could overtake others of its member.",
  'time-in-future':
    'The time of the event lies more than five minutes ahead of the platform: it would win over everything until then.',
  'missing-subject': 'The event names no member or provider.',
  'invalid-subject': 'The subject is not an id: letters, digits, - and ., at most 64 characters.',
  'reserved-subject': 'The platform keeps this id for itself.',
  'invalid-data': 'The data does not match the schema of the event type, or contradicts itself.',
  'not-a-resource': 'The data holds no FHIR resource.',
  'unknown-resource-type': 'The resourceType is not one of FHIR R4.',
  'invalid-resource': 'An element of the resource has the wrong name, type or cardinality.',
  'missing-id': 'The resource has no id.',
  'patient-unreadable': 'The element that names the patient of the resource is not a reference to Patient/<subject>.',
  'names-another-member': "The resource or one that it contains names a patient who is not the event's subject.",
  'owned-by-another-member': 'Another member has this Type/id until a delete or a merge releases it.',
  'not-a-prior-authorization': 'A prior authorization is an ExplanationOfBenefit with use=preauthorization.',
  'not-a-provider-type': 'The resource belongs to a member or carries one: publish it as payer.resource-recorded.v1.',
  'not-a-member-type': 'The resource belongs to no member: publish it as payer.provider-recorded.v1.',
  'event-id-reused': 'The same source has sent another content under this event id before.',
  'profile-not-met':
    'The resource lacks what a profile asks for that it declares, and `PROFILE_POLICY_FILE` refuses such resources.',
  'too-many-ids':
    'The merge would give one person more than 100 member ids. Both ids are denied until somebody has looked at it.',
  'not-from-the-sandbox':
    'This deployment is a sandbox. It takes events only from its synthetic payer, so that no real data gets into it.',
  'too-large': 'What the event becomes is larger than the log takes.',
  'internal-fault':
    'The platform failed at this event. The log of the service names the error; replay the event when that is mended.',
} as const;
export type FaultReason = keyof typeof FAULT_REASONS;
/** Why `POST /events` refuses an event that no intake has seen. */
export const REQUEST_FAULTS = {
  'not-utf8': 'A line of the request is not UTF-8.',
  'log-unavailable': 'The log did not answer, so the event may not be stored.',
} as const;

/** What is wrong with one event. `detail` names attributes, paths and rules, never values: they may be protected. */
export interface EventFault {
  readonly reason: FaultReason;
  readonly detail: string;
}
