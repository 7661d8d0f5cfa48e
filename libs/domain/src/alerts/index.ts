import type { AlertRule, RuleGroup } from './rules.ts';
import { access } from './access.ts';
import { engines } from './engines.ts';
import { exports } from './exports.ts';
import { intake } from './intake.ts';
import { processes } from './processes.ts';
import { serviceLevels } from './service-levels.ts';

export * from './condition.ts';
export * from './rules.ts';
export * from './summary.ts';
/** @public `tools/watch` draws a row for each. */
export { SERVICES } from './processes.ts';
export const GROUPS: readonly RuleGroup[] = [serviceLevels, access, intake, exports, engines, processes];
export const ALERTS: readonly AlertRule[] = GROUPS.flatMap(({ alerts }) => alerts);
