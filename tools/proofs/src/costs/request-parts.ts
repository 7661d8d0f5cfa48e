export const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
export const JSON_TYPE = { 'content-type': 'application/json' };
export const FHIR_TYPE = { 'content-type': 'application/fhir+json' };

/** As many bundles as a request may have, each of them none: this request keeps them, and a chunk reads them. */
export const MATCH = {
  url: '/fhir/Group/$provider-member-match',
  by: 'app',
  method: 'POST',
  headers: FHIR_TYPE,
  body: JSON.stringify({
    resourceType: 'Parameters',
    parameter: Array.from({ length: 1000 }, () => ({ name: 'MemberBundle', part: [] })),
  }),
  status: 202,
  most: { rows: 30 },
} as const;
