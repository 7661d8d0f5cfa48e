import { useEffect, useState } from 'react';
import { api, ask, type Asked, type Fault } from '../../common/api.ts';
import { Choice, Heading } from '../../common/parts.tsx';
import { Rows } from '../../common/table.tsx';
import { FaultNotice } from '../fault.tsx';
import { isText, useSpeech } from '../texts.ts';

interface Row {
  readonly status: string;
  readonly reason?: string;
  /** The payer's words for the reason, if the list still has it. */
  readonly text?: string;
  readonly count: number;
  readonly days: { readonly least: number; readonly median: number; readonly most: number };
}
/** The answer of `GET /auth/decisions`. */
interface Report {
  readonly from: string;
  readonly to: string;
  readonly decisions: readonly Row[];
  readonly waiting: { readonly count: number; readonly oldestDays?: number };
}
const PERIODS = ['30', '90', '365', '1826'] as const;
type Period = (typeof PERIODS)[number];
const DAY_MS = 24 * 3_600_000;

/** The decisions of a period by reason and age, from which it follows whether all apps are treated equally. */
export function DecisionsPage() {
  const { t } = useSpeech();
  const [period, setPeriod] = useState<Period>('365');
  const [report, setReport] = useState<Report>();
  const [fault, setFault] = useState<Fault>();
  const [tries, setTries] = useState(0);
  useEffect(() => {
    let isShown = true;
    setReport(undefined);
    setFault(undefined);
    const query = { from: new Date(Date.now() - Number(period) * DAY_MS).toISOString() };
    const sent = ask(api.GET('/auth/decisions', { params: { query } })) as unknown as Promise<Asked<Report>>;
    void sent.then((asked) => {
      if (!isShown) return;
      setReport(asked.data);
      setFault(asked.fault);
    });
    return () => void (isShown = false);
  }, [period, tries]);
  return (
    <>
      <Heading>{t('decisions')}</Heading>
      <p>{t('decisions.text')}</p>
      <Choice
        label={t('decisions.period')}
        value={period}
        onChange={(value) => setPeriod(value as Period)}
        options={PERIODS.map((one) => [one, t(`decisions.period.${one}`)] as const)}
      />
      {fault !== undefined && <FaultNotice fault={fault} retry={() => setTries(tries + 1)} />}
      {report === undefined && fault === undefined && <p role="status">{t('loading')}</p>}
      {report !== undefined && <Decisions report={report} />}
    </>
  );
}

function Decisions({ report: { from, to, decisions, waiting } }: { readonly report: Report }) {
  const { t, date, language } = useSpeech();
  const number = new Intl.NumberFormat(language);
  const longest = Math.max(1, ...decisions.map(({ days }) => days.most));
  const statusOf = (status: string): string => {
    const key = status === 'binding-ended' ? 'decisions.binding-ended' : `status.${status}`;
    return isText(key) ? t(key) : status;
  };
  return (
    <>
      <section className="sheet">
        <h2>{t('decisions.range', { from: date(from), to: date(to) })}</h2>
        <p>
          {t('decisions.waiting', { count: number.format(waiting.count) })}{' '}
          {(waiting.oldestDays ?? 0) > 0 && t('decisions.waiting.oldest', { days: number.format(waiting.oldestDays!) })}
        </p>
        <p>
          <a href="/portal/apps">{t('decisions.queue')}</a>
        </p>
      </section>
      {decisions.length === 0 ? (
        <p role="status">{t('decisions.none')}</p>
      ) : (
        <section className="sheet">
          <h2>{t('decisions')}</h2>
          <p>{t('decisions.days.text')}</p>
          <Rows
            title={t('decisions')}
            columns={[
              t('decisions.decision'),
              t('decide.why'),
              t('decisions.count'),
              t('decisions.least'),
              t('decisions.median'),
              t('decisions.most'),
              t('decisions.days'),
            ]}
          >
            {decisions.map(({ status, reason = '', text, count, days }) => (
              <tr key={`${status} ${reason}`}>
                <th scope="row">
                  <span className="tag">{statusOf(status)}</span>
                </th>
                <td>
                  <bdi>{text ?? reason}</bdi>
                  {text !== undefined && <div className="soft">{reason}</div>}
                </td>
                <td>{number.format(count)}</td>
                <td>{number.format(days.least)}</td>
                <td>{number.format(days.median)}</td>
                <td>{number.format(days.most)}</td>
                <td>
                  <Span days={days} longest={longest} />
                </td>
              </tr>
            ))}
          </Rows>
        </section>
      )}
    </>
  );
}

/** The numbers beside it as a bar, which says nothing more. */
function Span({ days, longest }: Pick<Row, 'days'> & { readonly longest: number }) {
  const x = (value: number): number => (value / longest) * 96;
  return (
    <svg className="share" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
      <rect className="back" width="100" height="6" />
      <rect x={x(days.least)} width={Math.max(1, x(days.most) - x(days.least))} height="6" />
      <rect className="mark" x={x(days.median)} width="2.5" height="6" />
    </svg>
  );
}
