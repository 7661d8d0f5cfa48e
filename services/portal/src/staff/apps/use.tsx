import { useEffect, useState } from 'react';
import { api, ask, type Asked, type Fault } from '../../common/api.ts';
import { Rows } from '../../common/table.tsx';
import { whyIn } from '../audit/said.ts';
import { FaultNotice } from '../fault.tsx';
import { isText, useSpeech } from '../texts.ts';

interface Times {
  readonly first: string;
  readonly last: string;
}
/** The answer of `GET /ops/evidence/apps/{client}`. */
interface Taken {
  readonly recordedSince?: string;
  readonly last?: string;
  readonly given: readonly (Times & {
    readonly action: string;
    readonly releases: number;
    readonly resources: number;
  })[];
  readonly refused: readonly (Times & { readonly reason: string; readonly count: number })[];
}

/** What the app took and when last: counts alone, because a reviewer sees no member (APPS.md P63). */
export function Use({ client }: { readonly client: string }) {
  const { t, date, language } = useSpeech();
  const [taken, setTaken] = useState<Taken>();
  const [fault, setFault] = useState<Fault>();
  const [tries, setTries] = useState(0);
  useEffect(() => {
    let isShown = true;
    setFault(undefined);
    const path = { client };
    const sent = ask(api.GET('/ops/evidence/apps/{client}', { params: { path } })) as unknown as Promise<Asked<Taken>>;
    void sent.then((asked) => {
      if (!isShown) return;
      setTaken(asked.data);
      setFault(asked.fault);
    });
    return () => void (isShown = false);
  }, [client, tries]);
  const number = new Intl.NumberFormat(language);
  const actionOf = (action: string): string => {
    const key = `use.action.${action}`;
    return isText(key) ? t(key) : action;
  };
  return (
    <section className="sheet">
      <h2>{t('use')}</h2>
      {fault !== undefined && <FaultNotice fault={fault} retry={() => setTries(tries + 1)} />}
      {taken === undefined && fault === undefined && <p role="status">{t('loading')}</p>}
      {taken?.recordedSince !== undefined && <p>{t('use.text', { since: taken.recordedSince })}</p>}
      {taken !== undefined && (
        <p className="answer">{taken.last === undefined ? t('use.never') : t('use.last', { at: date(taken.last) })}</p>
      )}
      {taken !== undefined && taken.given.length > 0 && (
        <Rows
          title={t('use')}
          columns={[t('use.what'), t('use.releases'), t('use.resources'), t('use.first'), t('use.newest')]}
        >
          {taken.given.map((one) => (
            <tr key={one.action}>
              <th scope="row">{actionOf(one.action)}</th>
              <td>{number.format(one.releases)}</td>
              <td>{number.format(one.resources)}</td>
              <td>{date(one.first)}</td>
              <td>{date(one.last)}</td>
            </tr>
          ))}
        </Rows>
      )}
      {taken !== undefined && taken.refused.length > 0 && (
        <>
          <h3>{t('use.refused')}</h3>
          <Rows title={t('use.refused')} columns={[t('use.why'), t('use.count'), t('use.first'), t('use.newest')]}>
            {taken.refused.map((one) => (
              <tr key={one.reason}>
                <th scope="row">{whyIn(t, one.reason)}</th>
                <td>{number.format(one.count)}</td>
                <td>{date(one.first)}</td>
                <td>{date(one.last)}</td>
              </tr>
            ))}
          </Rows>
        </>
      )}
    </section>
  );
}
