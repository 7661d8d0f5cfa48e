import type { paths } from '../../generated/openapi.d.ts';
import { api, ask, type Asked } from '../common/api.ts';
import { Heading } from '../common/parts.tsx';
import { Rows } from '../common/table.tsx';
import { bearer, type OwnApp } from './own-app.ts';
import { isText, useSpeech } from './texts.ts';
import { Loading, useAsApp } from './with-token.tsx';

type List = paths['/refusals']['get']['responses']['200']['content']['application/json'];
type Row = List['refusals'][number];

const refusalsOf = (token: string): Promise<Asked<List>> => ask(api.GET('/refusals', { headers: bearer(token) }));
/** The place of docs/refusals.md that says more. */
const placeOf = ({ status, action }: Row): string =>
  status === 404 ? '#what-a-404-can-mean' : action === 'token' ? '#client-assertions' : '#answers-over-http';

/** What the platform refused to the app in 30 days, and what cures it. */
export function Refusals({ app }: { readonly app: OwnApp }) {
  const { t, date } = useSpeech();
  const { data, fault, reload } = useAsApp(app, refusalsOf);
  const wordOf = (action: string): string => {
    const key = `action.${action}`;
    return isText(key) ? t(key) : action;
  };
  return (
    <>
      <Heading>{t('refusals.title')}</Heading>
      <p>{t('refusals.text')}</p>
      <Loading app={app} loaded={data !== undefined} fault={fault} retry={() => void reload()} />
      {data?.refusals.length === 0 && <p role="status">{t('refusals.none')}</p>}
      {data !== undefined && data.refusals.length > 0 && (
        <section className="sheet">
          <Rows
            title={t('refusals.title')}
            columns={[
              t('refusals.last'),
              t('refusals.what'),
              t('refusals.answer'),
              t('refusals.count'),
              t('refusals.cure'),
            ]}
          >
            {data.refusals.map((row) => (
              <tr key={`${row.day} ${row.action} ${row.code} ${row.type ?? ''}`}>
                <td>{date(row.last)}</td>
                <td>
                  {wordOf(row.action)} {row.type}
                </td>
                <td>
                  {row.status} {row.code}
                </td>
                <td>{row.count}</td>
                <td>
                  <span lang="en">{withCode(row.cure)}</span>{' '}
                  <a href={`/docs/refusals.html${placeOf(row)}`}>{t('refusals.more')}</a>
                </td>
              </tr>
            ))}
          </Rows>
        </section>
      )}
      <p className="soft">{t('refusals.limits')}</p>
    </>
  );
}

/** A cure has names of headers and parameters between backticks. */
const withCode = (text: string) => text.split('`').map((part, i) => (i % 2 === 0 ? part : <code key={i}>{part}</code>));
