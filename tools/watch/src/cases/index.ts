import { accessCases } from './access.ts';
import type { CaseTable } from './case.ts';
import { engineCases } from './engines.ts';
import { exportCases } from './exports.ts';
import { intakeCases } from './intake.ts';
import { processCases } from './processes.ts';
import { serviceLevelCases } from './service-levels.ts';

export const CASES: CaseTable = {
  ...serviceLevelCases,
  ...accessCases,
  ...intakeCases,
  ...exportCases,
  ...engineCases,
  ...processCases,
};
