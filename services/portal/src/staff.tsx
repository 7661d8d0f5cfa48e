import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './staff/app.tsx';
import { Speaking } from './staff/texts.ts';
import './common/style.css';

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <Speaking title="title">
      <App pages={[]} />
    </Speaking>
  </StrictMode>,
);
