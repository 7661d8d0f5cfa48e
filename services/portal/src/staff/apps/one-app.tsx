import { useEffect, useState } from 'react';
import { api, ask, type Fault } from '../../common/api.ts';
import { Heading, Notice } from '../../common/parts.tsx';
import { Table } from '../../common/table.tsx';
import { FaultNotice } from '../fault.tsx';
import { useSpeech } from '../texts.ts';
import { Bindings } from './bindings.tsx';
import { Decide } from './decide.tsx';
import { Further } from './further.tsx';
import { Keys } from './keys.tsx';
import { labelOf, shown, type ShownApp } from './shapes.ts';
import { Use } from './use.tsx';

export function OneApp({ id, decides }: { readonly id: string; readonly decides: boolean }) {
  const { t } = useSpeech();
  const [app, setApp] = useState<ShownApp>();
  const [fault, setFault] = useState<Fault>();
  const [done, setDone] = useState('');

  async function load(): Promise<void> {
    setFault(undefined);
    const asked = await ask(api.GET('/auth/clients/{client}', { params: { path: { client: id } } }));
    if (asked.fault === undefined) setApp(shown(asked.data));
    else setFault(asked.fault);
  }
  useEffect(() => void load(), []);
  const decided = (after: ShownApp, text: string): void => {
    setApp(after);
    setDone(text);
  };

  return (
    <>
      <p>
        <a href="#">{t('apps.back')}</a>
      </p>
      {fault !== undefined && <FaultNotice fault={fault} retry={() => void load()} />}
      {app === undefined && fault === undefined && <p role="status">{t('loading')}</p>}
      {app !== undefined && (
        <>
          <Heading>
            <bdi>{app.client_name ?? t('apps.unnamed')}</bdi>
          </Heading>
          {done !== '' && <Notice kind="good">{done}</Notice>}
          <About app={app} />
          <Identifiers app={app} />
          <Further app={app} />
          {decides ? <Decide app={app} reload={() => void load()} decided={decided} /> : <p>{t('decide.readonly')}</p>}
          <Bindings app={app} decides={decides} decided={decided} />
          {app.bindings.length > 0 && <Use client={app.client_id} />}
          <Keys app={app} />
          <History app={app} />
        </>
      )}
    </>
  );
}

function About({ app }: { readonly app: ShownApp }) {
  const { t } = useSpeech();
  const keys = (app.jwks as { readonly keys?: readonly { kid?: string; alg?: string }[] } | undefined)?.keys ?? [];
  const rows: readonly (readonly [string, string])[] = [
    [t('app.id'), app.client_id],
    [t('app.contacts'), (app.contacts ?? []).join(', ')],
    [t('app.scope'), app.scope ?? ''],
    [t('app.asked'), app.requested_scope === app.scope ? '' : (app.requested_scope ?? '')],
    [t('app.keys'), app.jwks_uri ?? keys.map(({ kid, alg }) => `${kid ?? ''} ${alg ?? ''}`).join(', ')],
    [t('app.reason'), app.reason ?? ''],
    [t('app.note'), app.note ?? ''],
  ];
  return (
    <section className="sheet">
      <p>
        <span className="tag">{t(`status.${app.status}`)}</span>
      </p>
      <dl>
        {rows
          .filter(([, value]) => value !== '')
          .map(([label, value]) => (
            <div className="pair" key={label}>
              <dt>{label}</dt>
              <dd>
                <bdi>{value}</bdi>
              </dd>
            </div>
          ))}
      </dl>
      {app.named_alike.length > 0 && (
        <Notice kind="note">
          <p>{t('app.alike')}</p>
          <ul>
            {app.named_alike.map((one) => (
              <li key={one.client_id}>
                <a href={`#${one.client_id}`}>
                  <bdi>{one.client_name ?? one.client_id}</bdi>
                </a>
              </li>
            ))}
          </ul>
        </Notice>
      )}
    </section>
  );
}

function Identifiers({ app }: { readonly app: ShownApp }) {
  const { t } = useSpeech();
  const network = (status: string): string =>
    status === 'in-network' || status === 'out-of-network' ? t(`network.${status}`) : t('network.unknown');
  return (
    <Table
      title={t('app.identifiers')}
      columns={[t('app.identifier'), t('app.directory'), t('app.network'), t('app.others')]}
    >
      {app.identifiers.map((one) => (
        <tr key={labelOf(one)}>
          <td>{labelOf(one)}</td>
          <td>
            {one.directory === undefined || one.directory.length === 0
              ? t('app.directory.none')
              : one.directory.map(({ name }, at) => <div key={at}>{name}</div>)}
          </td>
          <td>{network(one.network)}</td>
          <td>
            {one.bound_to.length === 0 && t('app.others.none')}
            {one.bound_to.map((other) => (
              <div key={other.client_id}>
                <a href={`#${other.client_id}`}>
                  <bdi>{other.client_name ?? other.client_id}</bdi>
                </a>
              </div>
            ))}
          </td>
        </tr>
      ))}
    </Table>
  );
}

function History({ app }: { readonly app: ShownApp }) {
  const { t, date } = useSpeech();
  return (
    <Table title={t('app.history')} columns={[t('app.at'), t('status'), t('app.by'), t('decide.why'), t('app.note')]}>
      {app.history.map((one, at) => (
        <tr key={at}>
          <td>{date(one.at)}</td>
          <td>{t(`status.${one.status}`)}</td>
          <td>{one.by}</td>
          <td>
            <bdi>{one.reason}</bdi>
          </td>
          <td>
            <bdi>{one.note}</bdi>
          </td>
        </tr>
      ))}
    </Table>
  );
}
