import { useEffect, useState } from 'react';
import type { Asked, Fault } from '../../common/api.ts';
import { Button, Heading, Notice } from '../../common/parts.tsx';
import { Rows } from '../../common/table.tsx';
import { FaultNotice } from '../fault.tsx';
import { useSpeech } from '../texts.ts';
import { DiscardForm } from './discard-form.tsx';
import type { Shown } from './letters-page.tsx';
import { begin, type Cause, type Letter, lettersOf, type Run } from './requests.ts';
import { useWords } from './words.ts';

/** The open dead letters of a cause, page by page, and what can be done with all of them. */
export function OneCause({ cause, show }: { readonly cause: Cause; readonly show: (shown: Shown) => void }) {
  const { t } = useSpeech();
  const words = useWords();
  const [isDiscarding, setDiscarding] = useState(false);
  const [fault, setFault] = useState<Fault>();
  function begun(asked: Asked<Run>): void {
    setFault(asked.fault);
    if (asked.fault === undefined) show({ at: 'run', run: asked.data.id });
  }
  return (
    <>
      <Heading>{words.reason(cause.reason)}</Heading>
      <p>{cause.detail}</p>
      <p className="soft code">{cause.eventType}</p>
      {fault !== undefined && <FaultNotice fault={fault} />}
      <List cause={cause} show={show} />
      <section className="sheet">
        <h2>{t('cause.all')}</h2>
        <p>{t('cause.all.text')}</p>
        {isDiscarding ? (
          <DiscardForm
            text={t('cause.discard.text', { count: words.number(cause) })}
            label={t('cause.discard')}
            cancel={() => setDiscarding(false)}
            discard={(reason) => void begin({ cause: cause.cause, action: 'discard', reason }).then(begun)}
          />
        ) : (
          <div className="buttons">
            <Button onPress={() => void begin({ cause: cause.cause, action: 'replay' }).then(begun)}>
              {t('cause.again')}
            </Button>
            <Button onPress={() => setDiscarding(true)}>{t('cause.discard')}</Button>
          </div>
        )}
      </section>
      <Button onPress={() => show({ at: 'causes' })}>{t('letters.back')}</Button>
    </>
  );
}

function List({ cause, show }: { readonly cause: Cause; readonly show: (shown: Shown) => void }) {
  const { t, date } = useSpeech();
  const [found, setFound] = useState<readonly Letter[]>();
  const [next, setNext] = useState<string>();
  const [fault, setFault] = useState<Fault>();
  const [tries, setTries] = useState(0);
  async function load(before: readonly Letter[], cursor?: string): Promise<void> {
    const asked = await lettersOf(cause.cause, cursor);
    setFault(asked.fault);
    if (asked.fault !== undefined) return;
    setFound([...before, ...asked.data.deadLetters]);
    setNext(asked.data.next);
  }
  useEffect(() => void load([]), [cause.cause, tries]);
  if (fault !== undefined) return <FaultNotice fault={fault} retry={() => setTries(tries + 1)} />;
  if (found === undefined) return <p role="status">{t('loading')}</p>;
  if (found.length === 0) return <Notice kind="good">{t('cause.empty')}</Notice>;
  return (
    <section className="sheet">
      <h2>{t('cause.list')}</h2>
      <Rows
        title={t('cause.list')}
        columns={[
          t('cause.letter'),
          t('letters.action'),
          t('cause.about'),
          t('letter.source'),
          t('cause.parked'),
          t('cause.attempt'),
        ]}
      >
        {found.map((letter) => (
          <tr key={letter.id}>
            <th scope="row" className="code">
              {letter.id}
            </th>
            <td>
              <Button
                aria-label={t('letter.open', { id: letter.id })}
                onPress={() => show({ at: 'letter', cause, letter })}
              >
                {t('letters.open')}
              </Button>
            </td>
            <td className="code">{letter.subject}</td>
            <td>{letter.source}</td>
            <td>{date(letter.parkedAt)}</td>
            <td>{letter.attempt}</td>
          </tr>
        ))}
      </Rows>
      {next !== undefined && (
        <div className="buttons">
          <Button onPress={() => void load(found, next)}>{t('letters.next')}</Button>
        </div>
      )}
    </section>
  );
}
