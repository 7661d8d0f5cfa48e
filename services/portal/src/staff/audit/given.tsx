import { useState } from 'react';
import type { Fault } from '../../common/api.ts';
import { Button, Notice } from '../../common/parts.tsx';
import { Rows } from '../../common/table.tsx';
import { FaultNotice } from '../fault.tsx';
import { type Releases, releases } from '../members/requests.ts';
import { useSpeech } from '../texts.ts';
import { type Given as Entry, type Looks, looks, saveDocument } from './requests.ts';
import { providerIn, whyIn } from './said.ts';

/** What was given and refused about the member, in pages of the server, and the accounting as a document. */
export function Given({ member, first }: { readonly member: string; readonly first: Releases }) {
  const { t, date, language } = useSpeech();
  const [shown, setShown] = useState(first);
  const [fault, setFault] = useState<Fault>();
  const [saved, setSaved] = useState(false);
  async function more(): Promise<void> {
    const asked = await releases(member, shown.next);
    setFault(asked.fault);
    if (asked.fault !== undefined) return;
    setShown({ ...asked.data, disclosures: [...shown.disclosures, ...asked.data.disclosures] });
  }
  async function save(): Promise<void> {
    const asked = await saveDocument(member, language);
    setFault(asked.fault);
    setSaved(asked.fault === undefined);
  }
  const outcome = (one: Entry): string => {
    const refused = t('given.refused', { why: whyIn(t, one.reason) });
    const recalled = one.recalled === undefined ? '' : `; ${t('given.recalled', { recalls: one.recalled.join(', ') })}`;
    return (one.outcome === 'released' ? t('given.released') : refused) + recalled;
  };
  return (
    <section className="sheet">
      <h2>{t('given')}</h2>
      <p>{t('given.text')}</p>
      <div className="buttons">
        <Button onPress={() => void save()}>{t('given.save')}</Button>
      </div>
      {saved && <Notice kind="good">{t('given.saved')}</Notice>}
      {shown.disclosures.length === 0 ? (
        <p>{t('given.none')}</p>
      ) : (
        <Rows title={t('given')} columns={[t('given.when'), t('given.who'), t('given.what'), t('given.outcome')]}>
          {(shown.disclosures as readonly Entry[]).map((one) => (
            <tr key={one.id}>
              <td>{date(one.at)}</td>
              <td>
                <bdi>{one.agent?.name ?? one.client}</bdi>
                <div className="soft">
                  <bdi>{(one.agent?.providers ?? []).map((key) => providerIn(one.names ?? {}, key)).join(', ')}</bdi>
                </div>
              </td>
              <td>{(one.types ?? []).join(', ') + (one.resources === undefined ? '' : ` (${one.resources})`)}</td>
              <td>{outcome(one)}</td>
            </tr>
          ))}
        </Rows>
      )}
      {fault !== undefined && <FaultNotice fault={fault} />}
      {shown.next !== undefined && (
        <div className="buttons">
          <Button onPress={() => void more()}>{t('given.more')}</Button>
        </div>
      )}
    </section>
  );
}

/** Who of the payer looked at the member. */
export function LookedAt({ member, first }: { readonly member: string; readonly first: Looks }) {
  const { t, date } = useSpeech();
  const [shown, setShown] = useState(first);
  const [fault, setFault] = useState<Fault>();
  async function more(): Promise<void> {
    const asked = await looks(member, shown.next);
    setFault(asked.fault);
    if (asked.fault !== undefined) return;
    setShown({ ...asked.data, looks: [...shown.looks, ...asked.data.looks] });
  }
  return (
    <section className="sheet">
      <h2>{t('looks')}</h2>
      <p>{t('looks.text')}</p>
      {shown.looks.length === 0 ? (
        <p>{t('looks.none')}</p>
      ) : (
        <Rows title={t('looks')} columns={[t('given.when'), t('given.who'), t('looks.route'), t('given.outcome')]}>
          {shown.looks.map((one) => (
            <tr key={one.id}>
              <td>{date(one.at)}</td>
              <td>
                <bdi>{one.by}</bdi>
              </td>
              <td className="code">{one.operation ?? one.action}</td>
              <td>{t(one.outcome === 'released' ? 'explain.yes' : 'explain.no')}</td>
            </tr>
          ))}
        </Rows>
      )}
      {fault !== undefined && <FaultNotice fault={fault} />}
      {shown.next !== undefined && (
        <div className="buttons">
          <Button onPress={() => void more()}>{t('given.more')}</Button>
        </div>
      )}
    </section>
  );
}
