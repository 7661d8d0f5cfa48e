import { accessDashboard } from './access.ts';
import { enginesDashboard } from './engines.ts';
import { exportsDashboard } from './exports.ts';
import { intakeDashboard } from './intake.ts';
import type { Dashboard } from './panels.ts';
import { road } from './road.ts';

export const DASHBOARDS: readonly Dashboard[] = [
  road,
  intakeDashboard,
  exportsDashboard,
  accessDashboard,
  enginesDashboard,
];
