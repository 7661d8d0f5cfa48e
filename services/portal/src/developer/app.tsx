import { useState } from 'react';
import { Button, LanguageChoice } from '../common/parts.tsx';
import { Call } from './call.tsx';
import { Check } from './check.tsx';
import { Door } from './door.tsx';
import { Exports } from './exports.tsx';
import { Groups } from './groups.tsx';
import { Keys } from './keys-page.tsx';
import { forgetToken, type OwnApp } from './own-app.ts';
import { Refusals } from './refusals.tsx';
import { Register } from './register.tsx';
import { State } from './state.tsx';
import { useSpeech } from './texts.ts';

const SECTIONS = ['state', 'groups', 'exports', 'refusals', 'call', 'check', 'keys'] as const;
type At = 'door' | 'register' | (typeof SECTIONS)[number];

/** What a provider's developer does with an app. Nobody signs in: the key and the token of the app open it. */
export function App() {
  const { t, language, choose } = useSpeech();
  const [at, setAt] = useState<At>('door');
  const [app, setApp] = useState<OwnApp>();
  const opened = (one: OwnApp): void => {
    forgetToken();
    setApp(one);
    setAt('state');
  };
  const changed = (part: Partial<OwnApp>): void => {
    forgetToken();
    if (app !== undefined) setApp({ ...app, ...part });
  };
  return (
    <>
      <a className="skip" href="#content">
        {t('skip')}
      </a>
      <header className="top">
        <div>
          <span className="name">{t('title')}</span>
          <LanguageChoice label={t('language')} language={language} choose={choose} />
          {app !== undefined && (
            <Button
              onPress={() => {
                forgetToken();
                setApp(undefined);
                setAt('door');
              }}
            >
              {t('forget')}
            </Button>
          )}
          {app !== undefined && (
            <nav aria-label={t('sections')}>
              {SECTIONS.map((one) => (
                <a
                  key={one}
                  href={`#${one}`}
                  aria-current={one === at ? 'page' : undefined}
                  onClick={(event) => {
                    event.preventDefault();
                    setAt(one);
                  }}
                >
                  {t(`${one}.title`)}
                </a>
              ))}
            </nav>
          )}
        </div>
      </header>
      <main id="content">
        {at === 'door' && <Door register={() => setAt('register')} opened={opened} />}
        {at === 'register' && <Register opened={opened} back={() => setAt('door')} />}
        {app !== undefined && at === 'state' && <State app={app} />}
        {app !== undefined && at === 'groups' && <Groups app={app} started={() => setAt('exports')} />}
        {app !== undefined && at === 'exports' && <Exports app={app} />}
        {app !== undefined && at === 'refusals' && <Refusals app={app} />}
        {app !== undefined && at === 'call' && <Call app={app} />}
        {app !== undefined && at === 'check' && <Check app={app} />}
        {app !== undefined && at === 'keys' && <Keys app={app} changed={changed} />}
      </main>
    </>
  );
}
