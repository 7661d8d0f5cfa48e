import { beforeFloor, redact } from '@provider-access/domain/pdex';
import type { FhirResource } from '@provider-access/kernel/fhir';
import { isEnteredInError } from './judge.ts';

/**
 * Applies today's rules of floor and redaction to a line that was stored under earlier ones. Undefined if the rules
 * withhold the resource. Security labels are asked for before the line is loaded (`LabelGate`).
 */
export function judgeStored(line: Uint8Array, floor: string): Uint8Array | undefined {
  let resource: FhirResource;
  try {
    resource = JSON.parse(Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString('utf8')) as FhirResource;
    if (beforeFloor(resource, floor)) return undefined;
    const redacted = redact(resource, (inner) => !beforeFloor(inner, floor) && !isEnteredInError(inner)).resource;
    // The same object means that the rules removed nothing, and the line leaves as it was stored.
    return redacted === resource ? line : Buffer.from(JSON.stringify(redacted));
  } catch (error) {
    // A type that is withheld today, or a line that cannot be read any more.
    if (error instanceof TypeError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
