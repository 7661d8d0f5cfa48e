import { useState } from 'react';
import type { Fault } from '../../common/api.ts';
import type { Denials } from '../../common/consent.ts';
import { Button } from '../../common/parts.tsx';
import { FaultNotice } from '../fault.tsx';
import { useSpeech } from '../texts.ts';
import { type Releases, releases } from './requests.ts';

const provider = (key: string): string => key.replace(/^npi\|/, 'NPI ').replace(/^tin\|/, 'TIN ');

/** What the member has decided, in words to read out. */
export function Said({ all, named, other }: Denials) {
  const { t } = useSpeech();
  return (
    <section className="sheet" aria-labelledby="said">
      <h2 id="said">{t('say.now')}</h2>
      {all && <p>{t('say.now.none')}</p>}
      {!all && named.length > 0 && (
        <>
          <p>{t('say.now.some')}</p>
          <ul>
            {named.map((one) => (
              <li key={one}>{one.startsWith('TIN') ? one : `NPI ${one}`}</li>
            ))}
          </ul>
        </>
      )}
      {!all && other && <p>{t('say.now.other')}</p>}
      {!all && named.length === 0 && !other && <p>{t('say.now.all')}</p>}
    </section>
  );
}

/** Who asked for data of the member, the newest first, in pages of the server. */
export function Seen({ member, first }: { readonly member: string; readonly first: Releases }) {
  const { t, date } = useSpeech();
  const [shown, setShown] = useState(first);
  const [fault, setFault] = useState<Fault>();
  async function more(): Promise<void> {
    setFault(undefined);
    const asked = await releases(member, shown.next);
    if (asked.fault !== undefined) return setFault(asked.fault);
    const { disclosures, next } = asked.data;
    setShown({ disclosures: [...shown.disclosures, ...disclosures], ...(next !== undefined && { next }) });
  }
  return (
    <section className="sheet">
      <h2 id="seen">{t('call.seen')}</h2>
      {shown.disclosures.length === 0 && <p>{t('call.seen.none')}</p>}
      {shown.disclosures.length > 0 && (
        <div className="table" tabIndex={0} role="region" aria-labelledby="seen">
          <table>
            <thead>
              <tr>
                <th scope="col">{t('app.at')}</th>
                <th scope="col">{t('call.app')}</th>
                <th scope="col">{t('call.seen.what')}</th>
              </tr>
            </thead>
            <tbody>
              {shown.disclosures.map(({ id, at, agent, client, outcome, types = [] }) => (
                <tr key={id}>
                  <td>{date(at)}</td>
                  <td>
                    <bdi>{agent?.name ?? client}</bdi>
                    <div className="soft">{agent?.providers.map(provider).join(', ')}</div>
                  </td>
                  <td>{outcome === 'refused' ? t('call.refused') : types.join(', ')}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {fault !== undefined && <FaultNotice fault={fault} />}
      {shown.next !== undefined && (
        <div className="buttons">
          <Button onPress={() => void more()}>{t('call.more')}</Button>
        </div>
      )}
    </section>
  );
}
