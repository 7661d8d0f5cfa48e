import { useEffect, useState } from 'react';
import { api, ask, type Fault } from '../common/api.ts';
import { Button, Heading, Notice } from '../common/parts.tsx';
import { FaultNotice } from './fault.tsx';
import { bearer, type Client, type OwnApp } from './own-app.ts';
import { useSpeech } from './texts.ts';

interface Named {
  readonly npi?: readonly string[];
  readonly tin?: readonly string[];
  readonly scope?: readonly string[] | string;
}
const labels = ({ npi = [], tin = [] }: Named): string[] => [
  ...npi.map((one) => `NPI ${one}`),
  ...tin.map((one) => `TIN ${one}`),
];

/** The state of the registration, and what is missing for data to flow. */
export function State({ app }: { readonly app: OwnApp }) {
  const { t, date } = useSpeech();
  const [shown, setShown] = useState<Client>();
  const [fault, setFault] = useState<Fault>();

  async function load(): Promise<void> {
    if (app.registration === undefined) return;
    setFault(undefined);
    const asked = await ask(
      api.GET('/auth/register/{client}', {
        params: { path: { client: app.client } },
        headers: bearer(app.registration),
      }),
    );
    if (asked.fault !== undefined) setFault(asked.fault);
    else setShown(asked.data);
  }
  useEffect(() => void load(), [app]);

  const bound = labels((shown?.bound ?? {}) as Named);
  const claimed = labels({ npi: shown?.npi, tin: shown?.tin });
  const waits = (shown?.waits_for_review ?? {}) as Named;
  const waiting = [...labels(waits), ...(waits.scope === undefined ? [] : [waits.scope].flat())];
  const unbound = claimed.filter((one) => !bound.includes(one));
  return (
    <>
      <Heading>{t('state.title')}</Heading>
      {app.registration === undefined && <Notice kind="note">{t('state.no-token')}</Notice>}
      {fault !== undefined && <FaultNotice fault={fault} retry={() => void load()} />}
      {shown !== undefined && (
        <>
          <section className="sheet" aria-labelledby="now">
            <h2 id="now">{t('state.now')}</h2>
            <p>
              <span className="tag">{t(`status.${shown.status}`)}</span>
            </p>
            <p>{t(`status.${shown.status}.text`)}</p>
            {shown.reason !== undefined && (
              <p>
                {t('state.reason', { reason: shown.reason })} {shown.note}
              </p>
            )}
            <Button onPress={() => void load()}>{t('state.again')}</Button>
          </section>
          <section className="sheet" aria-labelledby="missing">
            <h2 id="missing">{t('state.missing')}</h2>
            {unbound.length === 0 && waiting.length === 0 && app.key !== undefined && <p>{t('state.missing.none')}</p>}
            <ul>
              {unbound.length > 0 && <li>{t('state.unbound', { identifiers: unbound.join(', ') })}</li>}
              {waiting.length > 0 && <li>{t('state.waiting', { items: waiting.join(', ') })}</li>}
              {app.key === undefined && <li>{t('no-key')}</li>}
            </ul>
          </section>
          <section className="sheet" aria-labelledby="registered">
            <h2 id="registered">{t('state.registered')}</h2>
            <dl>
              <dt>{t('who.name')}</dt>
              <dd>
                <bdi>{shown.client_name}</bdi>
              </dd>
              <dt>{t('door.client')}</dt>
              <dd>{shown.client_id}</dd>
              <dt>{t('state.since')}</dt>
              <dd>{date((shown.client_id_issued_at ?? 0) * 1000)}</dd>
              {shown.updated_at !== undefined && <dt>{t('state.changed')}</dt>}
              {shown.updated_at !== undefined && <dd>{date(shown.updated_at)}</dd>}
              <dt>{t('door.scope')}</dt>
              <dd>{shown.scope}</dd>
              <dt>{t('state.bound')}</dt>
              <dd>{bound.length === 0 ? t('state.bound.none') : bound.join(', ')}</dd>
            </dl>
          </section>
        </>
      )}
    </>
  );
}
