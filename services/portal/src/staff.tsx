import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './staff/app.tsx';
import { AppsPage } from './staff/apps/apps-page.tsx';
import { AuditPage } from './staff/audit/audit-page.tsx';
import { DecisionsPage } from './staff/decisions/decisions-page.tsx';
import { EngineerPage } from './staff/engineer/engineer-page.tsx';
import { EvidencePage } from './staff/evidence/evidence-page.tsx';
import { ImportsPage } from './staff/imports/imports-page.tsx';
import { LettersPage } from './staff/letters/letters-page.tsx';
import { LevelsPage } from './staff/levels/levels-page.tsx';
import { MembersPage } from './staff/members/members-page.tsx';
import { OperatorPage } from './staff/operator/operator-page.tsx';
import type { StaffPage } from './staff/pages.ts';
import { SealsPage } from './staff/seals/seals-page.tsx';
import { Speaking } from './staff/texts.ts';
import './common/style.css';
import './common/charts.css';

const PAGES: readonly StaffPage[] = [
  {
    name: 'apps',
    title: 'apps',
    what: 'apps.what',
    needs: ['GET /auth/clients', 'GET /auth/clients/{client}', 'GET /ops/evidence/apps/{client}'],
    show: AppsPage,
  },
  {
    name: 'decisions',
    title: 'decisions',
    what: 'decisions.what',
    needs: ['GET /auth/decisions'],
    show: DecisionsPage,
  },
  {
    name: 'members',
    title: 'members',
    what: 'members.what',
    needs: ['POST /fhir/Consent/_search', 'GET /ops/disclosures', 'GET /ops/explain/apps', 'GET /ops/notices'],
    show: MembersPage,
  },
  {
    name: 'audit',
    title: 'audit',
    what: 'audit.what',
    needs: ['GET /ops/explain', 'GET /ops/explain/timeline', 'GET /ops/disclosures', 'GET /ops/disclosures/looks'],
    show: AuditPage,
  },
  { name: 'seals', title: 'seals', what: 'seals.what', needs: ['GET /ops/audit/verification'], show: SealsPage },
  {
    name: 'evidence',
    title: 'evidence',
    what: 'evidence.what',
    needs: ['GET /ops/evidence'],
    show: EvidencePage,
  },
  {
    name: 'engineer',
    title: 'engineer',
    what: 'engineer.what',
    needs: ['GET /ops/slo/freshness', 'GET /ops/feeds', 'GET /ops/lists', 'GET /ops/views/{service}'],
    show: EngineerPage,
  },
  {
    name: 'imports',
    title: 'imports',
    what: 'imports.what',
    needs: ['GET /ops/imports', 'POST /ops/imports', 'POST /ops/imports/undo', 'GET /ops/sources'],
    show: ImportsPage,
  },
  {
    name: 'dead-letters',
    title: 'letters',
    what: 'letters.what',
    needs: ['GET /events/dead-letters/causes', 'GET /events/dead-letters', 'POST /events/dead-letters/{id}/check'],
    show: LettersPage,
  },
  {
    name: 'operator',
    title: 'operator',
    what: 'operator.is',
    needs: ['GET /ops/health/{service}'],
    show: OperatorPage,
  },
  { name: 'levels', title: 'levels', what: 'levels.what', needs: ['GET /ops/slo'], show: LevelsPage },
];

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <Speaking title="title">
      <App pages={PAGES} />
    </Speaking>
  </StrictMode>,
);
