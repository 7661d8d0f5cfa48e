import { createHash } from 'node:crypto';
import type { DomainEvent } from '@provider-access/events';
import type { Statement as ModelStatement } from './model.ts';
import { type Practice, PROVIDERS, SCOPES, type Statement } from './operations.ts';
import { type Reach, reachOf } from './scopes.ts';

export const MINUTE = 60_000;
/** The payer's systems that send the wishes of members. */
export const SOURCES = ['urn:portal', 'urn:call-centre'] as const;
export const iso = (ms: number): string => new Date(ms).toISOString();
const HOUR = 60 * MINUTE;
/**
 * A date and the instant that it means. Without a time zone, a day restricts from UTC+14 on and permits from UTC-12 on.
 */
interface When {
  readonly text: string;
  readonly ms: number;
}
export function when(ms: number, day: boolean, means: 'gives' | 'takes' | 'last day'): When {
  if (!day) return { text: iso(ms), ms };
  const text = iso(ms).slice(0, 10);
  const begins = Date.parse(text);
  return {
    text,
    ms:
      means === 'gives' ? begins + 12 * HOUR : means === 'takes' ? begins - 14 * HOUR : begins + 24 * HOUR - 14 * HOUR,
  };
}

/** The data of an opt-out of the first version, or of an opt-in for some practices. */
export function scopeOf(target: Extract<Statement, { op: 'opt-out' }>['target']): object {
  const specific = (targets: readonly object[]): object => ({ scope: 'provider-specific', targets });
  const { A, B } = PROVIDERS;
  switch (target) {
    case 'all':
      return { scope: 'global' };
    case 'A by NPI':
      return specific([{ npi: A.npi }]);
    case 'A by TIN':
      return specific([{ tin: A.tin }]);
    case 'B by NPI':
      return specific([{ npi: B.npi }]);
    case 'A and an attribute that nobody knows':
      return specific([{ npi: A.npi, NPI: B.npi }]);
    case 'an NPI with a wrong check digit':
      return specific([{ npi: '1234567890' }]);
  }
}
/** The type and data of a statement that is an event of its own, and whom it reaches. */
export function statedBy(statement: Exclude<Statement, { op: 'consent' | 'merge' }>): {
  readonly type: string;
  readonly data: object;
  readonly reach: Reach | undefined;
} {
  switch (statement.op) {
    case 'opt-out': {
      const data = scopeOf(statement.target);
      return { type: 'payer.member-opted-out.v1', data, reach: reachOf(data, true) };
    }
    case 'scoped opt-out': {
      const { data } = SCOPES.find(({ what }) => what === statement.scope)!;
      return { type: 'payer.member-opted-out.v2', data, reach: reachOf(data, false) };
    }
    case 'opt-in': {
      if (statement.target === undefined) return { type: 'payer.member-opted-in.v1', data: {}, reach: undefined };
      const data = scopeOf(statement.target);
      return { type: 'payer.member-opted-in.v2', data, reach: reachOf(data, false) };
    }
  }
}
/** What the directory has about a practice: the Organization, and a role there with this specialty or without one. */
const directoryOf = (practice: Practice, code: string | undefined): readonly object[] => [
  {
    resourceType: 'Organization',
    id: `practice-${practice}`,
    active: true,
    name: `Practice ${practice}`,
    identifier: [{ system: SYSTEMS.npi, value: PROVIDERS[practice].npi }],
  },
  {
    resourceType: 'PractitionerRole',
    id: `role-${practice}`,
    active: true,
    organization: { reference: `Organization/practice-${practice}` },
    ...(code !== undefined && { specialty: [{ coding: [{ system: 'http://nucc.org/provider-taxonomy', code }] }] }),
  },
];

const TERMINOLOGY = 'http://terminology.hl7.org/CodeSystem';
const coding = (system: string, code: string): object => ({ system: `${TERMINOLOGY}/${system}`, code });
const concept = (system: string, code: string): object => ({ coding: [coding(system, code)] });
const SYSTEMS = { npi: 'http://hl7.org/fhir/sid/us-npi', tin: 'urn:oid:2.16.840.1.113883.4.4' } as const;
/** The FHIR Consent that states an opt-out. Each target is a recipient; any other limit is an extension. */
export function consentOf(
  member: string,
  { content, target }: Pick<Extract<Statement, { op: 'consent' }>, 'content' | 'target'>,
  from: string | undefined,
): object {
  const { targets = [] } = scopeOf(target) as { readonly targets?: readonly Record<string, string>[] };
  const actor = targets.map(({ npi, tin, ...others }) => ({
    role: concept('v3-ParticipationType', 'IRCP'),
    reference: { identifier: { system: npi === undefined ? SYSTEMS.tin : SYSTEMS.npi, value: npi ?? tin } },
    ...(Object.keys(others).length > 0 && { extension: [{ url: 'urn:narrower', valueString: 'something' }] }),
  }));
  return {
    resourceType: 'Consent',
    id: `${member}-consent`,
    status: content === 'deny, and is inactive' ? 'inactive' : 'active',
    scope: concept('consentscope', 'patient-privacy'),
    category: [concept('v3-ActCode', 'IDSCL')],
    patient: { reference: `Patient/${member}` },
    provision: {
      type: content === 'permit' ? 'permit' : 'deny',
      ...(from !== undefined && { period: { start: from } }),
      ...(actor.length > 0 && { actor }),
    },
  };
}
/** The code of every Condition, by which a search finds them. */
export const CODE = '195967001';
/** A Condition of a member. */
export const conditionOf = (member: string, id: string, text: string): object => ({
  resourceType: 'Condition',
  id,
  subject: { reference: `Patient/${member}` },
  code: { coding: [{ system: 'http://snomed.info/sct', code: CODE }], text },
  recordedDate: '2024-03-01',
});

/** Attachments that a document may have. The first version has those of `FIRST`. */
export const ATTACHMENTS = [0, 1, 2] as const;
export const FIRST = [0, 1] as const;
/** The content of an attachment, which is no other one's. */
export const contentOf = (member: string, attachment: number, bytes: number): string =>
  `attachment ${attachment} of ${member}, `.repeat(bytes).slice(0, bytes);
/** The path of the attachment's Binary (docs/adr/0052-attachments.md). A client that has the content knows it too. */
export function binaryOf(member: string, attachment: number, bytes: number): string {
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
  const content = sha256(contentOf(member, attachment, bytes));
  const what = [member, 'DocumentReference', `${member}-d`, 'text/plain', content];
  return `/fhir/Binary/${sha256(JSON.stringify(what))}`;
}
/** The document of a member. Without an attachment, it has a content that stays in the resource. */
export const documentOf = (
  member: string,
  { attachments, labelled }: { readonly attachments: readonly number[]; readonly labelled: boolean },
  text: string,
  bytes: number,
): object => ({
  resourceType: 'DocumentReference',
  id: `${member}-d`,
  ...(labelled && { meta: { security: [coding('v3-Confidentiality', 'R')] } }),
  status: 'current',
  subject: { reference: `Patient/${member}` },
  description: text,
  content: (attachments.length === 0
    ? ['nothing']
    : attachments.map((attachment) => contentOf(member, attachment, bytes))
  ).map((content) => ({
    attachment: { contentType: 'text/plain', data: Buffer.from(content).toString('base64') },
  })),
});

/** The Provenance of a member, about a Condition and the document. */
export const provenanceOf = (member: string): object => ({
  resourceType: 'Provenance',
  id: `${member}-p`,
  target: [{ reference: `Condition/${member}-c1` }, { reference: `DocumentReference/${member}-d` }],
  recorded: '2024-03-01T00:00:00Z',
  agent: [{ who: { display: 'a clinic' } }],
});
/** The order of a member for the one Medication of a sequence. */
export const orderOf = (member: string, medication: string): object => ({
  resourceType: 'MedicationRequest',
  id: `${member}-rx`,
  status: 'active',
  intent: 'order',
  subject: { reference: `Patient/${member}` },
  authoredOn: '2024-03-01',
  medicationReference: { reference: `Medication/${medication}` },
});

/** An event that was sent, and its data for the model. */
export interface Sent {
  readonly event: DomainEvent;
  readonly stated?: ModelStatement;
  /** The event cannot be read. */
  readonly spoilt?: true;
}

/** The payer's systems. They give each event an id, and remember the events that they sent. */
export class Payer {
  readonly sent: Sent[] = [];
  readonly #name: string;
  readonly #now: () => number;
  #n = 0;

  constructor(name: string, now: () => number) {
    this.#name = name;
    this.#now = now;
  }
  /** `ago`: business time, in minutes before now. */
  event(
    type: string,
    member: string | undefined,
    data: unknown,
    { source = SOURCES[0] as string, ago = 0 }: { readonly source?: string; readonly ago?: number } = {},
  ): DomainEvent {
    this.#n += 1;
    // No two statements have the same business time.
    const time = iso(this.#now() - ago * MINUTE + this.#n);
    const id = `${this.#name}-e${this.#n}`;
    return { id, source, type, time, ...(member !== undefined && { subject: member }), data };
  }
  /** A practice joins the network or leaves it, a minute before now. */
  network(practice: Practice, joins: boolean): DomainEvent {
    const { npi, tin } = PROVIDERS[practice];
    const status = joins ? 'in-network' : 'out-of-network';
    const data = { npi, tin, status, from: iso(this.#now() - MINUTE) };
    return this.event('payer.network-status-changed.v1', npi, data, { source: 'urn:directory' });
  }
  /** What the directory says about a practice. */
  directory(practice: Practice, code: string | undefined): readonly DomainEvent[] {
    return directoryOf(practice, code).map((resource) =>
      this.event('payer.provider-recorded.v1', PROVIDERS[practice].npi, { resource }),
    );
  }
}
