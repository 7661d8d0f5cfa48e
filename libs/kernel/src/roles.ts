/**
 * Who calls the API with a token of its own kind, from a file of the deployment: reviewers and operators, the payer's
 * systems, and the payer's portal for members. An operation names its roles, and every other caller is refused.
 */
export const ROLES = ['administrator', 'payer', 'member-portal'] as const;
export type Role = (typeof ROLES)[number];
