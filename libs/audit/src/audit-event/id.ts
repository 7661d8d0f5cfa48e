/**
 * The id of an AuditEvent stands for a document of the view, and for one member of it where the AuditEvent names that
 * member alone. The number of the member is its place, so that no URL has the id of a member.
 */
export interface AuditEventKey {
  readonly document: string;
  readonly member?: number;
}

const DOCUMENT = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3})Z\/([A-Za-z0-9-]{1,36})\/(\d{1,4})$/;
const ID = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d{3})-([A-Za-z0-9-]{1,36})-(\d{1,4})(?:\.(\d{1,3}))?$/;

/** At most 64 characters of an id of FHIR. @throws Error for a document that this platform did not write */
export function auditEventId({ document, member }: AuditEventKey): string {
  const parts = DOCUMENT.exec(document)?.slice(1);
  if (parts === undefined) throw new Error('a document of the audit has an id of another form');
  const [event, part] = parts.slice(7);
  return `${parts.slice(0, 7).join('')}-${event}-${part}${member === undefined ? '' : `.${member}`}`;
}

/** Undefined for a text that is no such id. */
export function auditEventKey(id: string): AuditEventKey | undefined {
  const parts = ID.exec(id)?.slice(1);
  if (parts === undefined) return undefined;
  const [year, month, day, hour, minute, second, ms, event, part, member] = parts;
  return {
    document: `${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z/${event}/${part}`,
    ...(member !== undefined && { member: Number(member) }),
  };
}
