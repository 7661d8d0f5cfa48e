import { useEffect, useState } from 'react';
import { api, ask, type Fault, keepCsrf, type Session } from '../common/api.ts';
import { Button, Heading, LanguageChoice } from '../common/parts.tsx';
import { FaultNotice } from './fault.tsx';
import { Home } from './home.tsx';
import { permitted, type StaffPage } from './pages.ts';
import { SignIn } from './sign-in.tsx';
import { useSpeech } from './texts.ts';

type State =
  | { readonly at: 'loading' }
  | { readonly at: 'out'; readonly ended: boolean }
  | { readonly at: 'fault'; readonly fault: Fault }
  | { readonly at: 'in'; readonly session: Session };

const nameHere = (): string => location.pathname.replace(/^\/portal\/?/, '').replace(/\/$/, '');

/** The frame of all pages of the staff: who has signed in, the pages of the roles, and the page of this address. */
export function App({ pages }: { readonly pages: readonly StaffPage[] }) {
  const { t, language, choose } = useSpeech();
  const [state, setState] = useState<State>({ at: 'loading' });

  const entered = (session: Session): void => {
    keepCsrf(session);
    setState({ at: 'in', session });
  };
  async function load(): Promise<void> {
    const asked = await ask(api.GET('/auth/session'));
    if (asked.fault === undefined) entered(asked.data);
    else setState(asked.fault.status === 401 ? { at: 'out', ended: false } : { at: 'fault', fault: asked.fault });
  }
  async function leave(): Promise<void> {
    const asked = await ask(api.DELETE('/auth/session'));
    const ended = asked.fault === undefined || asked.fault.status === 401;
    setState(ended ? { at: 'out', ended: true } : { at: 'fault', fault: asked.fault! });
  }
  useEffect(() => void load(), []);

  const name = nameHere();
  const session = state.at === 'in' ? state.session : undefined;
  return (
    <>
      <a className="skip" href="#content">
        {t('skip')}
      </a>
      <header className="top">
        <div>
          <span className="name">{t('title')}</span>
          <LanguageChoice label={t('language')} language={language} choose={choose} />
          {session !== undefined && <Button onPress={() => void leave()}>{t('signout')}</Button>}
          {session !== undefined && (
            <nav aria-label={t('pages')}>
              <a href={`/portal?lang=${language}`} aria-current={name === '' ? 'page' : undefined}>
                {t('home')}
              </a>
              {pages
                .filter((page) => permitted(page, session))
                .map((page) => (
                  <a
                    key={page.name}
                    href={`/portal/${page.name}?lang=${language}`}
                    aria-current={page.name === name ? 'page' : undefined}
                  >
                    {t(page.title)}
                  </a>
                ))}
            </nav>
          )}
        </div>
      </header>
      <main id="content">
        {state.at === 'loading' && <p role="status">{t('loading')}</p>}
        {state.at === 'fault' && <FaultNotice fault={state.fault} retry={() => void load()} />}
        {state.at === 'out' && <SignIn ended={state.ended} entered={entered} />}
        {session !== undefined && <Content name={name} session={session} pages={pages} />}
      </main>
    </>
  );
}

interface ContentProps {
  readonly name: string;
  readonly session: Session;
  readonly pages: readonly StaffPage[];
}
function Content({ name, session, pages }: ContentProps) {
  const { t, language } = useSpeech();
  if (name === '') return <Home session={session} pages={pages} />;
  const page = pages.find((one) => one.name === name);
  if (page !== undefined && permitted(page, session)) return <page.show session={session} />;
  const kind = page === undefined ? 'none' : 'forbidden';
  return (
    <div className="sheet">
      <Heading>{t(`${kind}.title`)}</Heading>
      <p>{t(`${kind}.text`)}</p>
      <a href={`/portal?lang=${language}`}>{t('home')}</a>
    </div>
  );
}
