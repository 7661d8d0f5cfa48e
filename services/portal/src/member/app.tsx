import { useEffect, useState } from 'react';
import type { Fault, Session } from '../common/api.ts';
import { type Denials, denialsOf } from '../common/consent.ts';
import type { Decided } from '../common/decide.ts';
import { Button, Heading, LanguageChoice, Notice } from '../common/parts.tsx';
import { DecideForm } from './decide-form.tsx';
import { consents, enter, leave, type Release, releases } from './requests.ts';
import { Seen } from './seen.tsx';
import { useSpeech } from './texts.ts';

interface Loaded {
  readonly member: string;
  readonly denials: Denials;
  readonly seen: readonly Release[];
  readonly next?: string;
}
type State =
  | { readonly at: 'loading' | 'left' }
  | { readonly at: 'fault'; readonly fault: Fault }
  | { readonly at: 'ready'; readonly loaded: Loaded }
  | { readonly at: 'done'; readonly loaded: Loaded; readonly decided: Decided; readonly when: number };

const hasLanguage = (): boolean => new URLSearchParams(location.search).has('lang');

/** What a member sees and decides (PEOPLE.md N51, N52). */
export function App({ link }: { readonly link: string | undefined }) {
  const { t, language, choose } = useSpeech();
  const [state, setState] = useState<State>({ at: 'loading' });
  const [session, setSession] = useState<Session>();

  async function load(): Promise<void> {
    setState({ at: 'loading' });
    const entered = session === undefined ? await enter(link) : { data: session };
    if (entered.fault !== undefined) return setState({ at: 'fault', fault: entered.fault });
    const { member, language: preferred } = entered.data;
    setSession(entered.data);
    if (session === undefined && !hasLanguage() && preferred !== undefined)
      choose(preferred.toLowerCase().startsWith('es') ? 'es' : 'en');
    const [own, got] = await Promise.all([consents(), releases()]);
    const fault = own.fault ?? got.fault;
    if (own.fault !== undefined || got.fault !== undefined) return setState({ at: 'fault', fault: fault! });
    const denials = denialsOf(own.data, Date.now());
    setState({
      at: 'ready',
      loaded: { member: member!, denials, seen: got.data.disclosures, next: got.data.next },
    });
  }
  useEffect(() => void load(), []);

  return (
    <div className="narrow">
      <header className="top">
        <div>
          <span className="name">{t('title')}</span>
          <LanguageChoice label={t('language')} language={language} choose={choose} />
        </div>
      </header>
      <main>
        {state.at === 'left' ? <Heading>{t('left')}</Heading> : <h1>{t('h1')}</h1>}
        {state.at === 'loading' && <p role="status">{t('loading')}</p>}
        {state.at === 'fault' && (
          <FaultNotice fault={state.fault} opened={session !== undefined} retry={() => void load()} />
        )}
        {state.at === 'done' && <Done decided={state.decided} when={state.when} />}
        {state.at === 'ready' && (
          <>
            <p>{t('what')}</p>
            <Now denials={state.loaded.denials} />
            <DecideForm
              {...state.loaded}
              decided={(decided) => setState({ at: 'done', loaded: state.loaded, decided, when: Date.now() })}
            />
          </>
        )}
        {(state.at === 'ready' || state.at === 'done') && (
          <>
            <Seen first={state.loaded.seen} next={state.loaded.next} />
            <div className="buttons">
              <Button onPress={() => print()}>{t('print')}</Button>
              <Button onPress={() => void leave().then(() => setState({ at: 'left' }))}>{t('leave')}</Button>
            </div>
          </>
        )}
      </main>
    </div>
  );
}

interface FaultProps {
  readonly fault: Fault;
  /** Whether the link was opened before. */
  readonly opened: boolean;
  readonly retry: () => void;
}
/** Each link that is not valid has one text, and nothing about a member. */
export function FaultNotice({ fault: { status }, opened, retry }: FaultProps) {
  const { t } = useSpeech();
  const isAway = status === 0 || status === 429 || status >= 500;
  const conflict = opened ? 'fault.used' : 'fault.staff';
  const refused = status === 401 || status === 403 ? 'fault.link' : 'fault.other';
  return (
    <Notice kind="bad">
      <p>{t(isAway ? 'fault.away' : status === 409 ? conflict : refused)}</p>
      {isAway && <Button onPress={retry}>{t('retry')}</Button>}
    </Notice>
  );
}

function Now({ denials: { all, named, other } }: { readonly denials: Denials }) {
  const { t } = useSpeech();
  return (
    <section className="sheet" aria-labelledby="now">
      <h2 id="now">{t('now')}</h2>
      {all && <p>{t('now.none')}</p>}
      {!all && named.length > 0 && (
        <>
          <p>{t('now.some')}</p>
          <ul>
            {named.map((one) => (
              <li key={one}>{one.startsWith('TIN') ? one : `NPI ${one}`}</li>
            ))}
          </ul>
        </>
      )}
      {!all && other && <p>{t('now.other')}</p>}
      {!all && named.length === 0 && !other && <p>{t('now.all')}</p>}
    </section>
  );
}

function Done({ decided, when }: { readonly decided: Decided; readonly when: number }) {
  const { t, date } = useSpeech();
  return (
    <section className="sheet">
      <Heading level={2}>{t('done')}</Heading>
      <Notice kind={decided.decides ? 'good' : 'note'}>{t(decided.decides ? 'done.now' : 'done.later')}</Notice>
      <p>{t('done.number')}</p>
      <p className="number">{decided.number}</p>
      <p>{t('done.keep')}</p>
      <p className="soft">
        {t('done.when')} {date(when)}
      </p>
      <p>{t('done.again')}</p>
    </section>
  );
}
