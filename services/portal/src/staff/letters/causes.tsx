import { useEffect, useState } from 'react';
import type { Fault } from '../../common/api.ts';
import { Button, Heading, Notice } from '../../common/parts.tsx';
import { Rows } from '../../common/table.tsx';
import { FaultNotice } from '../fault.tsx';
import { useSpeech } from '../texts.ts';
import type { Shown } from './letters-page.tsx';
import { type Cause, causes } from './requests.ts';
import { Runs } from './runs.tsx';
import { useWords } from './words.ts';

/** The causes of dead letters, page by page, and the work on many that somebody began. */
export function Causes({ show }: { readonly show: (shown: Shown) => void }) {
  const { t, date } = useSpeech();
  const words = useWords();
  const [found, setFound] = useState<readonly Cause[]>();
  const [next, setNext] = useState<string>();
  const [fault, setFault] = useState<Fault>();
  const [tries, setTries] = useState(0);
  async function load(before: readonly Cause[], after?: string): Promise<void> {
    const asked = await causes(after);
    setFault(asked.fault);
    if (asked.fault !== undefined) return;
    setFound([...before, ...asked.data.causes]);
    setNext(asked.data.next);
  }
  useEffect(() => void load([]), [tries]);
  return (
    <>
      <Heading>{t('letters')}</Heading>
      <p>{t('letters.text')}</p>
      {fault !== undefined && <FaultNotice fault={fault} retry={() => setTries(tries + 1)} />}
      {found === undefined && fault === undefined && <p role="status">{t('loading')}</p>}
      {found?.length === 0 && <Notice kind="good">{t('letters.none')}</Notice>}
      {found !== undefined && found.length > 0 && (
        <section className="sheet">
          <h2>{t('letters.causes')}</h2>
          <Rows
            title={t('letters.causes')}
            columns={[
              t('letters.wrong'),
              t('letters.action'),
              t('letters.number'),
              t('letters.oldest'),
              t('letters.newest'),
            ]}
          >
            {found.map((cause) => (
              <tr key={cause.cause}>
                <th scope="row">
                  {words.reason(cause.reason)}
                  <div className="soft">{cause.detail}</div>
                  <div className="soft code">{cause.eventType}</div>
                </th>
                <td>
                  <Button
                    aria-label={t('letters.open.cause', { detail: cause.detail })}
                    onPress={() => show({ at: 'cause', cause })}
                  >
                    {t('letters.open')}
                  </Button>
                </td>
                <td>{words.number(cause)}</td>
                <td>{date(cause.oldest)}</td>
                <td>{date(cause.newest)}</td>
              </tr>
            ))}
          </Rows>
          {next !== undefined && (
            <div className="buttons">
              <Button onPress={() => void load(found, next)}>{t('letters.next')}</Button>
            </div>
          )}
        </section>
      )}
      <Runs show={show} />
    </>
  );
}
