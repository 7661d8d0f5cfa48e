import { useState } from 'react';
import { Form } from 'react-aria-components';
import type { Fault } from '../../common/api.ts';
import { Button, Choice, Field, Notice } from '../../common/parts.tsx';
import { FaultNotice } from '../fault.tsx';
import { useSpeech } from '../texts.ts';
import { type NamedMember, type NamedMembers, search } from './requests.ts';

const MONTHS = Array.from({ length: 12 }, (_, at) => String(at + 1).padStart(2, '0'));

/** As the platform has days. Undefined if it is no day of the calendar. */
function dayOf(year: string, month: string, day: string): string | undefined {
  const text = `${year.trim()}-${month}-${day.trim().padStart(2, '0')}`;
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return undefined;
  const time = Date.parse(`${text}T00:00:00Z`);
  return Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== text ? undefined : text;
}

/** Finds the member by the name and the birth date, for a caller who does not know the id. */
export function SearchForm({ choose, busy }: { readonly choose: (member: string) => void; readonly busy: boolean }) {
  const { t, language } = useSpeech();
  const [family, setFamily] = useState('');
  const [given, setGiven] = useState('');
  const [year, setYear] = useState('');
  const [month, setMonth] = useState('01');
  const [day, setDay] = useState('');
  const [found, setFound] = useState<NamedMembers>();
  const [wrong, setWrong] = useState(false);
  const [asking, setAsking] = useState(false);
  const [fault, setFault] = useState<Fault>();
  const months = new Intl.DateTimeFormat(language, { month: 'long', timeZone: 'UTC' });

  async function send(): Promise<void> {
    const birthDate = dayOf(year, month, day);
    setFault(undefined);
    setFound(undefined);
    setWrong(birthDate === undefined);
    if (birthDate === undefined) return;
    setAsking(true);
    const first = given.trim();
    const asked = await search({ family: family.trim(), birthDate, ...(first !== '' && { given: first }) });
    setAsking(false);
    if (asked.fault === undefined) setFound(asked.data);
    else setFault(asked.fault);
  }

  return (
    <section className="sheet" aria-labelledby="search">
      <h2 id="search">{t('call.search')}</h2>
      <Form
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <Field label={t('call.family')} value={family} onChange={setFamily} isRequired maxLength={200} />
        <Field label={t('call.given')} help={t('call.given.help')} value={given} onChange={setGiven} maxLength={200} />
        <Field label={t('call.born.day')} value={day} onChange={setDay} isRequired maxLength={2} />
        <Choice
          label={t('call.born.month')}
          value={month}
          onChange={setMonth}
          options={MONTHS.map((one) => [one, months.format(Date.UTC(2000, Number(one) - 1, 1))] as const)}
        />
        <Field label={t('call.born.year')} value={year} onChange={setYear} isRequired maxLength={4} />
        {wrong && <Notice kind="bad">{t('call.born.wrong')}</Notice>}
        {fault !== undefined && <FaultNotice fault={fault} />}
        <Button type="submit" isDisabled={busy || asking}>
          {t('call.search.do')}
        </Button>
      </Form>
      {found !== undefined && <Members {...found} choose={choose} busy={busy} />}
    </section>
  );
}

interface MembersProps extends NamedMembers {
  readonly choose: (member: string) => void;
  readonly busy: boolean;
}
function Members({ members, more, choose, busy }: MembersProps) {
  const { t } = useSpeech();
  return (
    <>
      <Notice kind="note">{t(members.length === 0 ? 'call.search.none' : 'call.search.some')}</Notice>
      {members.length > 0 && (
        <ul>
          {members.map((one) => (
            <li key={one.member}>
              <bdi>{labelOf(one)}</bdi>{' '}
              <Button isDisabled={busy} onPress={() => choose(one.member)}>
                {t('call.find')} <bdi>{one.member}</bdi>
              </Button>
            </li>
          ))}
        </ul>
      )}
      {more && <p>{t('call.search.more')}</p>}
    </>
  );
}
const labelOf = ({ name, birthDate, member }: NamedMember): string =>
  [name ?? member, birthDate].filter((part) => part !== undefined).join(', ');
