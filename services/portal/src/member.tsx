import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './member/app.tsx';
import { takeLink } from './member/requests.ts';
import { Speaking } from './member/texts.ts';
import './common/style.css';

const link = takeLink();
createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <Speaking title="title">
      <App link={link} />
    </Speaking>
  </StrictMode>,
);
