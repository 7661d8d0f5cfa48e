import { useEffect, useState } from 'react';
import { api, ask, type Fault } from '../../common/api.ts';
import { Button, Choice, Heading } from '../../common/parts.tsx';
import { FaultNotice } from '../fault.tsx';
import { useSpeech } from '../texts.ts';
import type { Checks, Client, Status } from './shapes.ts';

const STATUSES = ['submitted', 'in-review', 'approved', 'suspended', 'expired', 'rejected', 'revoked'] as const;
/** Apps that one answer of the server has. */
const PAGE = '50';
const DAY_MS = 24 * 3_600_000;

interface Shown {
  readonly clients: readonly Client[];
  /** By `client_id`. */
  readonly checks: Readonly<Record<string, Checks>>;
  /** The last app of this page, if there are more. */
  readonly after?: string;
}

const NONE = { clients: [], checks: {} } as const;

export function AppList() {
  const { t } = useSpeech();
  const [status, setStatus] = useState<Status | 'all'>('submitted');
  const [shown, setShown] = useState<Shown>();
  const [fault, setFault] = useState<Fault>();

  async function load(before: Omit<Shown, 'after'>, after?: string): Promise<void> {
    setFault(undefined);
    const query = {
      _count: PAGE,
      checks: 'true' as const,
      ...(status !== 'all' && { status }),
      ...(after !== undefined && { after }),
    };
    const asked = await ask(api.GET('/auth/clients', { params: { query } }));
    if (asked.fault !== undefined) return setFault(asked.fault);
    const clients = [...before.clients, ...asked.data.clients];
    const checks = { ...before.checks, ...asked.data.checks };
    setShown({ clients, checks, ...(asked.data.next !== undefined && { after: clients.at(-1)?.client_id }) });
  }
  useEffect(() => {
    setShown(undefined);
    void load(NONE);
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
      {fault !== undefined && <FaultNotice fault={fault} retry={() => void load(NONE)} />}
      {shown === undefined && fault === undefined && <p role="status">{t('loading')}</p>}
      {shown?.clients.length === 0 && <p role="status">{t('apps.none')}</p>}
      {shown !== undefined && shown.clients.length > 0 && <Apps {...shown} isMixed={status === 'all'} />}
      {shown?.after !== undefined && <Button onPress={() => void load(shown, shown.after)}>{t('apps.more')}</Button>}
    </>
  );
}

/** @param isMixed whether the apps are in several states */
function Apps({ clients, checks, isMixed }: Omit<Shown, 'after'> & { readonly isMixed: boolean }) {
  const { t, date } = useSpeech();
  const age = (issued: number | undefined): string => {
    const days = Math.floor((Date.now() - (issued ?? 0) * 1000) / DAY_MS);
    return days < 1 ? t('apps.today') : t('apps.age', { days });
  };
  return (
    <div className="sheet figures">
      <div className="table" tabIndex={0} role="region" aria-label={t('apps')}>
        <table>
          <thead>
            <tr>
              <th scope="col">{t('apps.name')}</th>
              {isMixed && <th scope="col">{t('status')}</th>}
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
                {isMixed && (
                  <td>
                    <span className="tag">{t(`status.${one.status}`)}</span>
                  </td>
                )}
                <td title={date((one.client_id_issued_at ?? 0) * 1000)}>{age(one.client_id_issued_at)}</td>
                <td className="checks">
                  {[...(one.npi ?? []).map((npi) => `NPI ${npi}`), ...(one.tin ?? []).map((tin) => `TIN ${tin}`)].join(
                    ', ',
                  )}
                  <ChecksOf checks={checks[one.client_id]} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

/** What a reviewer would look for first: counts over what the app says that it is. */
function ChecksOf({ checks }: { readonly checks: Checks | undefined }) {
  const { t } = useSpeech();
  if (checks === undefined) return null;
  const { identifiers, not_checked: more, in_directory: listed, bound_elsewhere: elsewhere } = checks;
  const of = identifiers - more;
  const lines = [
    listed === undefined ? t('checks.directory.away') : t('checks.directory', { count: listed, of }),
    t('checks.network', { count: checks.in_network, of }),
    ...(checks.out_of_network > 0 ? [t('checks.out', { count: checks.out_of_network })] : []),
    ...(elsewhere > 0 ? [t('checks.elsewhere', { count: elsewhere })] : []),
    ...(more > 0 ? [t('checks.more', { count: more })] : []),
  ];
  return lines.map((line) => (
    <div className="soft" key={line}>
      {line}
    </div>
  ));
}
