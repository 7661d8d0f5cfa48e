import { createHash } from 'node:crypto';
import type { DomainEvent } from '@provider-access/events';
import { isObject, ownerOf, patientReference, type FhirResource } from '@provider-access/fhir';

/** A resource that could not be wrapped, by name and place, never by content. */
export type Wrapped =
  { readonly ok: true; readonly event: DomainEvent } | { readonly ok: false; readonly reason: string };

/**
 * The owner of a resource that is not in our compartments (Claim, ImagingStudy …). It will be counted as not served.
 */
function namedPatient(resource: FhirResource): string | undefined {
  for (const element of ['patient', 'subject', 'beneficiary'] as const) {
    const patient = patientReference(resource[element]);
    if (patient !== undefined) return patient.id;
  }
  return undefined;
}

/**
 * Replaces references by fullUrl (`urn:uuid:…`) with `Type/id`, because Bundles of other systems often have only those.
 * Changes `value` in place.
 */
export function resolveUrns(value: unknown, byUrl: ReadonlyMap<string, string>): void {
  const open: unknown[] = [value];
  for (let item = open.pop(); item !== undefined; item = open.pop()) {
    if (typeof item !== 'object' || item === null) continue;
    if (isObject(item)) {
      const reference = item['reference'];
      const target = typeof reference === 'string' ? byUrl.get(reference) : undefined;
      if (target !== undefined) item['reference'] = target;
    }
    // Not `push(...children)`: a Bundle may have more entries than a call may have arguments.
    for (const child of Object.values(item)) if (typeof child === 'object' && child !== null) open.push(child);
  }
}

/**
 * Wraps FHIR resources as events. The id is a hash of the content, so publishing a file twice changes nothing. Business
 * time is `meta.lastUpdated`, else the given time. A Provenance goes to the member of its first target that was wrapped
 * before.
 */
export class Wrapper {
  readonly #source: string;
  readonly #time: string;
  /** `Type/id` -> member, kept only while files are wrapped, because a Provenance needs it. */
  readonly #members = new Map<string, string>();
  constructor(source: string, time: string) {
    this.#source = source;
    this.#time = time;
  }

  wrap(resource: FhirResource): Wrapped {
    const about = `${resource.resourceType}/${resource.id ?? ''}`;
    const owner = ownerOf(resource);
    let member: string | undefined;
    if (owner.kind === 'patient') member = owner.id;
    else if (owner.kind === 'targets') {
      for (const target of owner.targets) {
        if (target.kind !== 'literal') continue;
        member = target.type === 'Patient' ? target.id : this.#members.get(`${target.type}/${target.id}`);
        if (member !== undefined) break;
      }
      if (member === undefined)
        return { ok: false, reason: 'no target of the Provenance names a member, in this file or those before it' };
    } else member = namedPatient(resource);
    if (member === undefined && owner.kind === 'unreadable')
      return {
        ok: false,
        reason:
          owner.element === 'id'
            ? 'a Patient without id'
            : `${resource.resourceType}.${owner.element} holds no reference to Patient/<id>: nobody's record`,
      };
    if (member !== undefined) this.#members.set(about, member);
    const lastUpdated =
      isObject(resource['meta']) && typeof resource['meta']['lastUpdated'] === 'string'
        ? resource['meta']['lastUpdated']
        : undefined;
    const time =
      lastUpdated !== undefined && !Number.isNaN(Date.parse(lastUpdated))
        ? new Date(lastUpdated).toISOString()
        : this.#time;
    const id = `${about}/${createHash('sha256').update(JSON.stringify(resource)).digest('base64url').slice(0, 22)}`;
    const type = member === undefined ? 'payer.provider-recorded.v1' : 'payer.resource-recorded.v1';
    return {
      ok: true,
      event: { id, source: this.#source, type, time, subject: member ?? resource.id ?? about, data: { resource } },
    };
  }
}
