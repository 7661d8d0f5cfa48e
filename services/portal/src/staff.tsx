import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './staff/app.tsx';
import { AppsPage } from './staff/apps/apps-page.tsx';
import { MembersPage } from './staff/members/members-page.tsx';
import type { StaffPage } from './staff/pages.ts';
import { Speaking } from './staff/texts.ts';
import './common/style.css';

const PAGES: readonly StaffPage[] = [
  { name: 'apps', title: 'apps', what: 'apps.what', roles: ['reviewer', 'auditor', 'compliance'], show: AppsPage },
  { name: 'members', title: 'members', what: 'members.what', roles: ['call-centre'], show: MembersPage },
];

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <Speaking title="title">
      <App pages={PAGES} />
    </Speaking>
  </StrictMode>,
);
