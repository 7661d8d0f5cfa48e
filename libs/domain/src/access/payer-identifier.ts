import { ID_PATTERN } from '@provider-access/fhir';

const ORGANIZATION = new RegExp(String.raw`^(?:https?://[^\s?#|]+/)?Organization/${ID_PATTERN}$`);
const IDENTIFIER = /^[^\s|]+\|[^\s|][^|]*$/;
/** Whether a text is `Organization/<id>`, an absolute URL of one, or `system|value`. */
export const isPayerIdentifier = (text: string): boolean => ORGANIZATION.test(text) || IDENTIFIER.test(text);
