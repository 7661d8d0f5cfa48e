/**
 * Headers of every answer. A browser must not guess another type, must run nothing, and must show the answer in no page
 * of another site. Pages that run something have a policy of their own, which replaces this one.
 */
export const SAFE_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'same-origin',
};
