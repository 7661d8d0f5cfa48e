import { SERVED_TYPES } from '@provider-access/kernel/fhir';

/** Parts of the descriptors of read, vread and history. */
export const RESOURCE = { type: `One of ${SERVED_TYPES.join(', ')}.`, id: 'The id of the resource.' };
export const CONDITIONS = [
  { name: 'If-None-Match', description: '`ETag` of the copy that the app has.' },
  { name: 'If-Modified-Since', description: '`Last-Modified` of the copy. Without effect beside `If-None-Match`.' },
] as const;
export const VALIDATORS = {
  ETag: 'The version, as `W/"3"`.',
  'Last-Modified': 'When the platform accepted the version.',
};
export const NOT_MODIFIED = { 304: 'The copy of the app is current. The answer has no body.' };
