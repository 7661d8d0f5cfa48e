import { useState } from 'react';
import { Form } from 'react-aria-components';
import type { Fault } from '../../common/api.ts';
import { Button, Choice, Field, Heading, Notice } from '../../common/parts.tsx';
import { FaultNotice } from '../fault.tsx';
import { useSpeech } from '../texts.ts';
import { Explain } from './explain.tsx';
import { Given, LookedAt } from './given.tsx';
import { Picture } from './picture.tsx';
import { find, type Found } from './requests.ts';

/** As FHIR has ids of resources. */
const ID = /^[A-Za-z0-9.-]{1,64}$/;
const DAY_MS = 24 * 3_600_000;
const PERIODS = ['30', '90', '365'] as const;

/** What happened to one member. What is known about a member is in memory alone, and never in the address. */
export function AuditPage() {
  const { t } = useSpeech();
  const [id, setId] = useState('');
  const [days, setDays] = useState<string>(PERIODS[2]);
  const [found, setFound] = useState<Found>();
  const [wrong, setWrong] = useState(false);
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<Fault>();

  async function show(): Promise<void> {
    const member = id.trim();
    setFault(undefined);
    setWrong(!ID.test(member));
    if (!ID.test(member)) return;
    setBusy(true);
    const asked = await find(member, new Date(Date.now() - Number(days) * DAY_MS).toISOString());
    setBusy(false);
    if (asked.fault === undefined) setFound(asked.data);
    else setFault(asked.fault);
  }
  function next(): void {
    setId('');
    setFound(undefined);
  }

  if (found === undefined)
    return (
      <>
        <Heading>{t('audit')}</Heading>
        <section className="sheet">
          <Form
            onSubmit={(event) => {
              event.preventDefault();
              void show();
            }}
          >
            <Field label={t('call.id')} help={t('call.id.help')} value={id} onChange={setId} isRequired />
            <Choice
              label={t('audit.period')}
              value={days}
              onChange={setDays}
              options={PERIODS.map((one) => [one, t(`audit.period.${one}`)])}
            />
            {wrong && <Notice kind="bad">{t('call.id.wrong')}</Notice>}
            {fault !== undefined && <FaultNotice fault={fault} retry={() => void show()} />}
            <Button type="submit" look="main" isDisabled={busy}>
              {t('audit.show')}
            </Button>
          </Form>
        </section>
      </>
    );
  const { member, known } = found.timeline;
  return (
    <>
      <Heading>
        {t('call.member')} <bdi>{member}</bdi>
      </Heading>
      {!known && <Notice kind="note">{t('audit.unknown')}</Notice>}
      <Picture found={found} />
      <Explain found={found} />
      <Given member={member} first={found.given} />
      <LookedAt member={member} first={found.looks} />
      <div className="buttons">
        <Button onPress={() => print()}>{t('audit.print')}</Button>
        <Button onPress={next}>{t('audit.other')}</Button>
      </div>
    </>
  );
}
