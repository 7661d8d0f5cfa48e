import { useState } from 'react';
import { api, ask, type Asked, type Fault } from '../common/api.ts';
import { Button, Heading } from '../common/parts.tsx';
import { FaultNotice } from './fault.tsx';
import { bearer, type OwnApp } from './own-app.ts';
import { useSpeech } from './texts.ts';
import { asApp, Loading, useAsApp } from './with-token.tsx';

interface Group {
  readonly id: string;
  readonly name?: string;
  readonly quantity?: number;
  readonly meta: { readonly lastUpdated: string };
}
/** The Groups of one answer. An app has one for each provider, and one for each match. */
const MOST = '100';

export async function groupsOf(token: string): Promise<Asked<readonly Group[]>> {
  const query = { _summary: 'true', _count: MOST } as const;
  const asked = await ask(api.GET('/fhir/Group', { params: { query }, headers: bearer(token) }));
  if (asked.fault !== undefined) return asked;
  const { entry = [] } = asked.data as unknown as { readonly entry?: readonly { readonly resource: Group }[] };
  return { data: entry.map(({ resource }) => resource) };
}
const startOf =
  (id: string) =>
  (token: string): Promise<Asked<unknown>> =>
    ask(
      api.GET('/fhir/Group/{id}/$davinci-data-export', {
        params: { path: { id } },
        headers: { ...bearer(token), prefer: 'respond-async', accept: 'application/fhir+json' },
      }),
    );

/** The Groups that the app sees now, how many members each has, and how fresh it is. */
export function Groups({ app, started }: { readonly app: OwnApp; readonly started: () => void }) {
  const { t, date } = useSpeech();
  const { data, fault, reload } = useAsApp(app, groupsOf);
  const [refused, setRefused] = useState<Fault>();
  async function start(id: string): Promise<void> {
    const asked = await asApp(app, startOf(id));
    if (asked.fault === undefined) started();
    else setRefused(asked.fault);
  }
  return (
    <>
      <Heading>{t('groups.title')}</Heading>
      <p>{t('groups.text')}</p>
      <Loading app={app} loaded={data !== undefined} fault={fault} retry={() => void reload()} />
      {refused !== undefined && <FaultNotice fault={refused} />}
      {data?.length === 0 && <p role="status">{t('groups.none')}</p>}
      {data !== undefined && data.length > 0 && (
        <div className="sheet table" tabIndex={0} role="region" aria-label={t('groups.title')}>
          <table>
            <thead>
              <tr>
                <th scope="col">{t('groups.name')}</th>
                <th scope="col">{t('groups.members')}</th>
                <th scope="col">{t('groups.fresh')}</th>
                <th scope="col">{t('exports.title')}</th>
              </tr>
            </thead>
            <tbody>
              {data.map(({ id, name, quantity, meta }) => (
                <tr key={id}>
                  <td>
                    <bdi>{name ?? id}</bdi>
                    <div className="soft">{id}</div>
                  </td>
                  <td>{quantity}</td>
                  <td>{date(meta.lastUpdated)}</td>
                  <td>
                    <Button onPress={() => void start(id)}>{t('groups.export')}</Button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
