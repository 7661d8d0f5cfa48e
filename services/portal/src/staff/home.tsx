import type { Session } from '../common/api.ts';
import { Heading } from '../common/parts.tsx';
import { permitted, type StaffPage } from './pages.ts';
import { useSpeech } from './texts.ts';

/** Who has signed in, with which roles, and the pages of these roles. */
export function Home({ session, pages }: { readonly session: Session; readonly pages: readonly StaffPage[] }) {
  const { t, date, language } = useSpeech();
  const mine = pages.filter((page) => permitted(page, session));
  return (
    <>
      <Heading>{t('home.title')}</Heading>
      <section className="sheet" aria-labelledby="you">
        <h2 id="you">{t('home.you')}</h2>
        <dl>
          <dt>{t('home.person')}</dt>
          <dd>
            {session.person} <span className="soft">({session.mark})</span>
          </dd>
          <dt>{t('home.roles')}</dt>
          <dd>{session.roles.map((role) => t(`role.${role}`)).join(', ')}</dd>
          <dt>{t('home.until')}</dt>
          <dd>{date(session.until)}</dd>
        </dl>
      </section>
      <h2>{t('home.pages')}</h2>
      {mine.length === 0 && <p>{t('home.none')}</p>}
      <ul className="cards">
        {mine.map((page) => (
          <li key={page.name}>
            <a href={`/portal/${page.name}?lang=${language}`}>{t(page.title)}</a>
            <div className="soft">{t(page.what)}</div>
          </li>
        ))}
        <li>
          <a href="/docs/">{t('home.docs')}</a>
          <div className="soft">/docs</div>
        </li>
      </ul>
    </>
  );
}
