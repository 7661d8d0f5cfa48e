/** Cursors of pages of the audit: the id of the last document of the page before. They name no member. */

const DOCUMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\/[\x21-\x7e]{1,100}$/;

export const cursorOf = (document: string): string => Buffer.from(document).toString('base64url');
export const documentOf = (cursor: string): string => Buffer.from(cursor, 'base64url').toString();
export const isCursor = (text: string): boolean =>
  /^[A-Za-z0-9_-]{1,200}$/.test(text) && DOCUMENT.test(documentOf(text));
