import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './developer/app.tsx';
import { Speaking } from './developer/texts.ts';
import './common/style.css';

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <Speaking title="title">
      <App />
    </Speaking>
  </StrictMode>,
);
