import { useEffect, useState } from 'react';
import { api, ask, type Asked, type Fault } from '../../common/api.ts';
import { Choice, Heading, Notice } from '../../common/parts.tsx';
import { Rows } from '../../common/table.tsx';
import { Duration } from '../duration.tsx';
import { FaultNotice } from '../fault.tsx';
import { lastOf } from '../seals/requests.ts';
import { isText, useSpeech } from '../texts.ts';

/** What `GET /ops/slo` says of one service level (docs/service-levels.md). */
interface Level {
  readonly objective: string;
  readonly target?: string;
  readonly met: number;
  readonly missed: number;
  readonly overdue: number;
  readonly share?: number;
  readonly p50Ms?: number;
  readonly worstMs?: number;
  readonly exports?: readonly string[];
}
interface Report {
  readonly from: string;
  readonly to: string;
  readonly calendar: { readonly timeZone: string };
  readonly objectives: readonly Level[];
}
const MONTHS = 24;
const THIS = '';
/** By the words of the report. Another target is shown as it is. */
const TARGETS: Readonly<Record<string, 'day' | 'second'>> = { '1 business day': 'day', '1 s': 'second' };

/** Months before this one, the newest first, as `2026-11`. */
function monthsBefore(): readonly string[] {
  const now = new Date();
  return Array.from({ length: MONTHS }, (_, n) =>
    new Date(Date.UTC(now.getFullYear(), now.getMonth() - n - 1, 1)).toISOString().slice(0, 7),
  );
}

/** How well the platform met its targets in a month. */
export function LevelsPage() {
  const { t, language } = useSpeech();
  const [month, setMonth] = useState(THIS);
  const [report, setReport] = useState<Report>();
  const [fault, setFault] = useState<Fault>();
  const [tries, setTries] = useState(0);
  useEffect(() => {
    let isShown = true;
    setReport(undefined);
    setFault(undefined);
    const query = month === THIS ? {} : { from: `${month}-01`, to: lastOf(month) };
    const sent = ask(api.GET('/ops/slo', { params: { query } })) as Promise<Asked<Report>>;
    void sent.then((asked) => {
      if (!isShown) return;
      setReport(asked.data);
      setFault(asked.fault);
    });
    return () => void (isShown = false);
  }, [month, tries]);
  const named = new Intl.DateTimeFormat(language, { month: 'long', year: 'numeric', timeZone: 'UTC' });
  return (
    <>
      <Heading>{t('levels')}</Heading>
      <Choice
        label={t('levels.month')}
        value={month}
        onChange={setMonth}
        options={[
          [THIS, t('levels.month.this')] as const,
          ...monthsBefore().map((one) => [one, named.format(new Date(`${one}-01T00:00:00Z`))] as const),
        ]}
      />
      {fault !== undefined && <FaultNotice fault={fault} retry={() => setTries(tries + 1)} />}
      {report === undefined && fault === undefined && <p role="status">{t('loading')}</p>}
      {report !== undefined && <Levels report={report} />}
    </>
  );
}

function Levels({ report: { from, to, objectives, calendar } }: { readonly report: Report }) {
  const { t, language } = useSpeech();
  const late = objectives.reduce((sum, { missed, overdue }) => sum + missed + overdue, 0);
  const exports = objectives.flatMap((one) => one.exports ?? []);
  const percent = new Intl.NumberFormat(language, { style: 'percent', maximumFractionDigits: 2 });
  const targetOf = (target = ''): string => {
    const key = TARGETS[target];
    return key === undefined ? target : t(`level.target.${key}`);
  };
  const nameOf = (objective: string): string => {
    const key = `level.${objective}`;
    return isText(key) ? t(key) : objective;
  };
  return (
    <section className="sheet">
      <h2>
        {from} – {to}
      </h2>
      <p>{t('levels.text', { zone: calendar.timeZone })}</p>
      <Notice kind={late === 0 ? 'good' : 'bad'}>
        {late === 0 ? t('levels.good') : t('levels.bad', { count: late })}
      </Notice>
      <Rows
        title={t('levels')}
        columns={[
          t('levels.level'),
          t('levels.target'),
          t('levels.share'),
          t('levels.met'),
          t('levels.missed'),
          t('levels.overdue'),
          t('levels.middle'),
          t('levels.worst'),
        ]}
      >
        {objectives.map((one) => (
          <tr key={one.objective}>
            <th scope="row">{nameOf(one.objective)}</th>
            <td>{targetOf(one.target)}</td>
            <td>
              {one.share === undefined ? t('levels.none') : percent.format(one.share)}
              {one.share !== undefined && (
                <svg className="share" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
                  <rect className="back" width="100" height="6" />
                  <rect width={one.share * 100} height="6" />
                </svg>
              )}
            </td>
            <td>{one.met}</td>
            <td>{one.missed}</td>
            <td>{one.overdue}</td>
            <td>
              <Duration ms={one.p50Ms} />
            </td>
            <td>
              <Duration ms={one.worstMs} />
            </td>
          </tr>
        ))}
      </Rows>
      {exports.length > 0 && (
        <>
          <h3>{t('levels.exports')}</h3>
          <ul>
            {exports.map((id) => (
              <li className="code" key={id}>
                {id}
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}
