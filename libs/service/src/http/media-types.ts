/** The media type of a FHIR resource: https://hl7.org/fhir/R4/http.html#mime-type */
export const FHIR_TYPE = 'application/fhir+json';
export const JSON_TYPE = 'application/json';

/** The value of `Content-Type` for a text, which is always UTF-8 here. */
export const utf8 = (type: string): string => `${type}; charset=utf-8`;
