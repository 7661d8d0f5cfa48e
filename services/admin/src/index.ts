export { aclRules, ADMIN_PRINCIPAL, PAYER_PRINCIPAL } from './acls.ts';
export { desiredTopics } from './desired-topics.ts';
export { run } from './program.ts';
export { PROJECTIONS } from './services.ts';
