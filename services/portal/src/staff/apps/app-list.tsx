import { useEffect, useState } from 'react';
import { api, ask, type Fault } from '../../common/api.ts';
import { Button, Choice, Heading } from '../../common/parts.tsx';
import { FaultNotice } from '../fault.tsx';
import { useSpeech } from '../texts.ts';
import type { Client, Status } from './shapes.ts';

const STATUSES = ['submitted', 'in-review', 'approved', 'suspended', 'expired', 'rejected', 'revoked'] as const;
/** Apps that one answer of the server has. */
const PAGE = '50';
const DAY_MS = 24 * 3_600_000;

interface Shown {
  readonly clients: readonly Client[];
  /** The last app of this page, if there are more. */
  readonly after?: string;
}

export function AppList() {
  const { t } = useSpeech();
  const [status, setStatus] = useState<Status | 'all'>('submitted');
  const [shown, setShown] = useState<Shown>();
  const [fault, setFault] = useState<Fault>();

  async function load(before: readonly Client[], after?: string): Promise<void> {
    setFault(undefined);
    const query = {
      _count: PAGE,
      ...(status !== 'all' && { status }),
      ...(after !== undefined && { after }),
    };
    const asked = await ask(api.GET('/auth/clients', { params: { query } }));
    if (asked.fault !== undefined) return setFault(asked.fault);
    const clients = [...before, ...asked.data.clients];
    setShown({ clients, ...(asked.data.next !== undefined && { after: clients.at(-1)?.client_id }) });
  }
  useEffect(() => {
    setShown(undefined);
    void load([]);
  }, [status]);

  return (
    <>
      <Heading>{t('apps')}</Heading>
      <Choice
        label={t('status')}
        value={status}
        onChange={(value) => setStatus(value as Status | 'all')}
        options={[...STATUSES, 'all' as const].map((one) => [one, t(`status.${one}`)])}
      />
      {fault !== undefined && <FaultNotice fault={fault} retry={() => void load([])} />}
      {shown === undefined && fault === undefined && <p role="status">{t('loading')}</p>}
      {shown?.clients.length === 0 && <p role="status">{t('apps.none')}</p>}
      {shown !== undefined && shown.clients.length > 0 && <Apps clients={shown.clients} />}
      {shown?.after !== undefined && (
        <Button onPress={() => void load(shown.clients, shown.after)}>{t('apps.more')}</Button>
      )}
    </>
  );
}

function Apps({ clients }: { readonly clients: readonly Client[] }) {
  const { t, date } = useSpeech();
  const age = (issued: number | undefined): string => {
    const days = Math.floor((Date.now() - (issued ?? 0) * 1000) / DAY_MS);
    return days < 1 ? t('apps.today') : t('apps.age', { days });
  };
  return (
    <div className="sheet table" tabIndex={0} role="region" aria-label={t('apps')}>
      <table>
        <thead>
          <tr>
            <th scope="col">{t('apps.name')}</th>
            <th scope="col">{t('status')}</th>
            <th scope="col">{t('apps.since')}</th>
            <th scope="col">{t('apps.claims')}</th>
          </tr>
        </thead>
        <tbody>
          {clients.map((one) => (
            <tr key={one.client_id}>
              <td>
                <a href={`#${one.client_id}`}>
                  <bdi>{one.client_name ?? t('apps.unnamed')}</bdi>
                </a>
              </td>
              <td>
                <span className="tag">{t(`status.${one.status}`)}</span>
              </td>
              <td title={date((one.client_id_issued_at ?? 0) * 1000)}>{age(one.client_id_issued_at)}</td>
              <td>
                {[...(one.npi ?? []).map((npi) => `NPI ${npi}`), ...(one.tin ?? []).map((tin) => `TIN ${tin}`)].join(
                  ', ',
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
