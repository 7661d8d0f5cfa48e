/** The opaque text of each entity tag in a list. Weak and strong tags are compared alike (RFC 9110 §13.1.2). */
const TAG = /(?:W\/)?"([^"]*)"/g;

/** The ETag of a version of a resource: https://hl7.org/fhir/R4/http.html#versioning */
export const etagOf = (versionId: string | number): string => `W/"${versionId}"`;

/** Whether a value of `If-None-Match` means this version. */
export const matchesVersion = (ifNoneMatch: string, versionId: string | number): boolean =>
  ifNoneMatch.trim() === '*' || [...ifNoneMatch.matchAll(TAG)].some(([, tag]) => tag === String(versionId));
