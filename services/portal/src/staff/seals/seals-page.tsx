import { useEffect, useState } from 'react';
import type { Fault } from '../../common/api.ts';
import { Button, Heading, Notice } from '../../common/parts.tsx';
import { Rows } from '../../common/table.tsx';
import { FaultNotice } from '../fault.tsx';
import { useSpeech } from '../texts.ts';
import { type Chain, lastOf, type SealState, verify } from './requests.ts';

const today = (): string => new Date().toISOString().slice(0, 10);
/** The month that is so many months away. */
function monthBeside(month: string, step: number): string {
  const [year, n] = month.split('-').map(Number) as [number, number];
  return new Date(Date.UTC(year, n - 1 + step, 1)).toISOString().slice(0, 7);
}
type State = SealState | 'open' | 'none';
/** Beside the colour, so that nobody has to tell colours apart. */
const SIGNS: Readonly<Record<State, string>> = { intact: '✓', differs: '✗', gone: '?', open: '…', none: '·' };

function stateOf(day: string, { days, unsealedSince }: Chain): State {
  const found = days.get(day)?.state;
  if (found !== undefined) return found;
  return unsealedSince !== undefined && unsealedSince <= day && day <= today() ? 'open' : 'none';
}

/** The audit chain of a month as a calendar of sealed days. */
export function SealsPage() {
  const { t, language } = useSpeech();
  const [month, setMonth] = useState(today().slice(0, 7));
  const [chain, setChain] = useState<Chain>();
  const [count, setCount] = useState(0);
  const [fault, setFault] = useState<Fault>();
  const [tries, setTries] = useState(0);
  useEffect(() => {
    let isShown = true;
    setChain(undefined);
    setFault(undefined);
    setCount(0);
    void verify(month, (seals) => isShown && setCount(seals)).then((asked) => {
      if (!isShown) return;
      setChain(asked.data);
      setFault(asked.fault);
    });
    return () => void (isShown = false);
  }, [month, tries]);
  const title = new Intl.DateTimeFormat(language, { month: 'long', year: 'numeric', timeZone: 'UTC' });
  return (
    <>
      <Heading>{t('seals')}</Heading>
      <p>{t('seals.text')}</p>
      <section className="sheet" aria-labelledby="month">
        <div className="months">
          <h2 id="month">{title.format(new Date(`${month}-01T00:00:00Z`))}</h2>
          <Button onPress={() => setMonth(monthBeside(month, -1))}>{t('seals.before')}</Button>
          <Button onPress={() => setMonth(monthBeside(month, 1))} isDisabled={month >= today().slice(0, 7)}>
            {t('seals.next')}
          </Button>
        </div>
        {fault !== undefined && <FaultNotice fault={fault} retry={() => setTries(tries + 1)} />}
        {chain === undefined && fault === undefined && <p role="status">{t('seals.checking', { count })}</p>}
        {chain !== undefined && <Outcome month={month} chain={chain} />}
        {chain !== undefined && <Calendar month={month} chain={chain} />}
      </section>
      {chain !== undefined && <Days month={month} chain={chain} />}
    </>
  );
}

interface MonthProps {
  readonly month: string;
  readonly chain: Chain;
}
function Outcome({ month, chain: { days, elsewhere, unsealed, unsealedSince } }: MonthProps) {
  const { t } = useSpeech();
  const own = [...days.values()].filter(({ day }) => day.startsWith(month));
  const broken = own.filter(({ state }) => state !== 'intact').length;
  return (
    <>
      {broken > 0 && <Notice kind="bad">{t('seals.broken', { count: broken })}</Notice>}
      {elsewhere.length > 0 && <Notice kind="bad">{t('seals.elsewhere', { days: elsewhere.join(', ') })}</Notice>}
      {unsealedSince !== undefined && unsealedSince < today() && (
        <Notice kind="bad">{t('seals.late', { day: unsealedSince })}</Notice>
      )}
      {broken === 0 && own.length > 0 && <Notice kind="good">{t('seals.whole', { count: own.length })}</Notice>}
      {own.length === 0 && <Notice kind="note">{t('seals.empty')}</Notice>}
      {unsealed > 0 && <p>{t('seals.open', { count: unsealed })}</p>}
    </>
  );
}

const WEEK = 7;
function Calendar({ month, chain }: MonthProps) {
  const { t, language } = useSpeech();
  const first = Date.parse(`${month}-01T00:00:00Z`);
  const last = Number(lastOf(month).slice(8));
  const weekday = new Intl.DateTimeFormat(language, { weekday: 'short', timeZone: 'UTC' });
  // Weeks begin on Sunday, as calendars do in the United States. 4 January 1970 was one.
  const heads = Array.from({ length: WEEK }, (_, n) => weekday.format(new Date((n + 3) * 86_400_000)));
  const before = new Date(first).getUTCDay();
  const cells = Array.from({ length: Math.ceil((before + last) / WEEK) * WEEK }, (_, n) => n - before + 1);
  const rows = Array.from({ length: cells.length / WEEK }, (_, n) => cells.slice(n * WEEK, (n + 1) * WEEK));
  return (
    <table className="calendar" aria-labelledby="month">
      <thead>
        <tr>
          {heads.map((one) => (
            <th scope="col" key={one}>
              {one}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row[0]}>
            {row.map((n) => {
              if (n < 1 || n > last) return <td key={n} />;
              const day = `${month}-${String(n).padStart(2, '0')}`;
              if (day > today()) return <td key={n}>{n}</td>;
              const state = stateOf(day, chain);
              return (
                <td key={n} className={state}>
                  {n}
                  <span className="sign" aria-hidden="true">
                    {SIGNS[state]}
                  </span>
                  <span className="hidden">{t(`seal.${state}`)}</span>
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** What the calendar has, in words and with the seals, which can be compared with copies. */
function Days({ month, chain: { days } }: MonthProps) {
  const { t } = useSpeech();
  const own = [...days.values()]
    .filter(({ day }) => day.startsWith(month))
    .toSorted((a, b) => (a.day < b.day ? -1 : 1));
  if (own.length === 0) return null;
  return (
    <section className="sheet">
      <h2>{t('seals.list')}</h2>
      <Rows title={t('seals.list')} columns={[t('seals.day'), t('seals.state'), t('seals.entries'), t('seals.seal')]}>
        {own.map((one) => (
          <tr key={one.day}>
            <td>{one.day}</td>
            <td>
              {t(`seal.${one.state}`)}
              {one.details.map((detail) => (
                <div className="soft" key={detail}>
                  {detail}
                </div>
              ))}
            </td>
            <td>{one.records}</td>
            <td className="code">{one.digest}</td>
          </tr>
        ))}
      </Rows>
    </section>
  );
}
