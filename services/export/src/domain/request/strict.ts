import { Refusal } from '@provider-access/kernel';
import { FHIR_TYPE } from '@provider-access/service/http';

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * Which header of Bulk Data 1.0.0 a kick-off lacks. Later versions let a server do without both.
 * https://hl7.org/fhir/uv/bulkdata/STU1/export/index.html#headers
 */
export function strictFault(headers: Headers): Refusal | undefined {
  if (headers['accept'] === undefined)
    return new Refusal('required', `This server needs the header Accept: ${FHIR_TYPE}.`);
  const preferences = String(headers['prefer'] ?? '').split(/[,;]/);
  if (!preferences.some((each) => each.trim().toLowerCase() === 'respond-async'))
    return new Refusal('required', 'This server needs the header Prefer: respond-async.');
  return undefined;
}
