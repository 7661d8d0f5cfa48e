export {
  aclRows,
  aclRules,
  aclScript,
  ADMIN_PRINCIPAL,
  PAYER_PRINCIPAL,
  type AclOperation,
  type AclOptions,
  type AclRule,
} from './acls.ts';
export {
  aclOptionsFromEnv,
  aclsConfig,
  topicsConfig,
  topicsFromEnv,
  viewsConfig,
  viewsFromEnv,
  type TopicPlanSettings,
} from './config.ts';
export { desiredTopics } from './desired-topics.ts';
export { EXIT } from './engine-fault.ts';
export { declaredFromEnv } from './engines.ts';
export { createProgram, run, type Copies, type Declared, type OpenArea } from './program.ts';
export { differing, type Area, type Row } from './report.ts';
export {
  DECLARATIONS,
  groupsOf,
  PROJECTIONS,
  viewGroup,
  type GroupPattern,
  type ServiceDeclaration,
} from './services.ts';
