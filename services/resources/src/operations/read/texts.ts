import { SERVED_TYPES } from '@provider-access/fhir';
import { FHIR_TYPE } from '@provider-access/service/http';
import { ref, SHAPE } from '@provider-access/service/operation';

/** Parts of the descriptors of read, vread and history. */
export const RESOURCE = { type: `One of ${SERVED_TYPES.join(', ')}.`, id: 'The id of the resource.' };
export const OF_A_RESOURCE = {
  callers: 'app',
  scope: 'r',
  restricted: true,
  noId: 'unknown-resource',
  tag: 'Reads and searches',
} as const;
export const CONDITIONS = [
  { name: 'If-None-Match', description: '`ETag` of the copy that the app has.' },
  { name: 'If-Modified-Since', description: '`Last-Modified` of the copy. Without effect beside `If-None-Match`.' },
] as const;
export const NOT_MODIFIED = { 304: 'The copy of the app is current. The answer has no body.' };
/** Parts of the descriptors of read and vread. */
export const OF_A_VERSION = {
  ...OF_A_RESOURCE,
  conditional: 'full-support',
  query: SHAPE,
  headers: CONDITIONS,
  also: NOT_MODIFIED,
  refusals: ['invalid-request', 'invalid-value', 'not-supported', 'not-found', 'gone', 'not-acceptable'],
} as const;
/** The answer of read and vread. */
export const versionAnswer = (description: string) => ({
  description,
  type: FHIR_TYPE,
  schema: ref('Resource'),
  headers: { ETag: 'The version, as `W/"3"`.', 'Last-Modified': 'When the platform accepted the version.' },
});
