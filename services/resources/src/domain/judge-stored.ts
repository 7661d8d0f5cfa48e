import { beforeFloor, redact } from '@provider-access/domain/pdex';
import { isDrugAuthorization, withoutDrugs } from '@provider-access/domain/pdex/labels';
import type { FhirResource } from '@provider-access/fhir';
import { isEnteredInError } from './judge.ts';

/** The rules of this moment for stored lines. */
export interface StoredRules {
  /** FHIR date. */
  readonly floor: string;
  readonly excludesDrugs?: boolean;
}

/**
 * Applies today's rules of floor, redaction and drugs to a line that was stored under earlier ones. Undefined if the
 * rules withhold the resource. Security labels are asked for before the line is loaded (`LabelGate`).
 */
export function judgeStored(line: Uint8Array, { floor, excludesDrugs }: StoredRules): Uint8Array | undefined {
  let resource: FhirResource;
  try {
    resource = JSON.parse(Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString('utf8')) as FhirResource;
    if (beforeFloor(resource, floor)) return undefined;
    let redacted = redact(resource, (inner) => !beforeFloor(inner, floor) && !isEnteredInError(inner)).resource;
    if (excludesDrugs === true) {
      redacted = withoutDrugs(redacted).resource;
      if (isDrugAuthorization(redacted)) return undefined;
    }
    // The same object means that the rules removed nothing, and the line leaves as it was stored.
    return redacted === resource ? line : Buffer.from(JSON.stringify(redacted));
  } catch (error) {
    // A type that is withheld today, or a line that cannot be read any more.
    if (error instanceof TypeError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
