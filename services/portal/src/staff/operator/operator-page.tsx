import { useEffect, useState } from 'react';
import type { Fault } from '../../common/api.ts';
import { Button, Heading, Notice } from '../../common/parts.tsx';
import { Rows } from '../../common/table.tsx';
import { FaultNotice } from '../fault.tsx';
import { useSpeech } from '../texts.ts';
import { Lag } from './lag.tsx';
import { type Alert, type Answered, platform, type Platform } from './requests.ts';

/** The runbook of a service that does not answer. */
const ABSENT = '/docs/runbooks/ProviderAccessServiceAbsent.html';
const shortName = ({ alert }: Alert): string => alert.replace('ProviderAccess', '');

/**
 * What is unhealthy, and which runbook cures it. It looks when somebody asks: each look renews the session, which must
 * end if nobody is there.
 */
export function OperatorPage() {
  const { t, date } = useSpeech();
  const [seen, setSeen] = useState<Platform>();
  const [fault, setFault] = useState<Fault>();
  const [looks, setLooks] = useState(0);
  useEffect(() => {
    let isShown = true;
    void platform().then((asked) => {
      if (!isShown) return;
      setSeen(asked.data);
      setFault(asked.fault);
    });
    return () => void (isShown = false);
  }, [looks]);
  const again = (): void => setLooks(looks + 1);
  return (
    <>
      <Heading>{t('operator')}</Heading>
      {fault !== undefined && <FaultNotice fault={fault} retry={again} />}
      {seen === undefined && fault === undefined && <p role="status">{t('loading')}</p>}
      {seen !== undefined && (
        <>
          <p>
            {t('operator.at', { time: date(seen.at) })} <Button onPress={again}>{t('operator.again')}</Button>
          </p>
          <Now seen={seen} />
          <Services services={seen.services} />
          <Lag services={seen.services} />
          <All alerts={seen.alerts} />
        </>
      )}
    </>
  );
}

const Runbook = ({ href }: { readonly href: string }) => {
  const { t } = useSpeech();
  return <a href={href}>{t('operator.runbook')}</a>;
};

function Now({ seen: { services, alerts } }: { readonly seen: Platform }) {
  const { t } = useSpeech();
  const holding = alerts.filter(({ state }) => state === 'holds');
  const away = services.filter(({ health }) => health === undefined);
  const failing = services.flatMap(({ service, health }) =>
    (health?.checks ?? []).filter(({ ready }) => !ready).map((check) => ({ service, ...check })),
  );
  const isWell = holding.length + away.length + failing.length === 0;
  const prometheus = alerts.filter(({ state }) => state === 'ask-prometheus').length;
  return (
    <section className="sheet">
      <h2>{t('operator.now')}</h2>
      <Notice kind={isWell ? 'good' : 'bad'}>
        {isWell
          ? t('operator.well')
          : t('operator.unwell', { alerts: holding.length, away: away.length, checks: failing.length })}
      </Notice>
      {!isWell && (
        <Rows
          title={t('operator.now')}
          columns={[t('operator.what'), t('operator.severity'), t('operator.found'), t('operator.cure')]}
        >
          {away.map(({ service }) => (
            <tr key={service}>
              <th scope="row">{service}</th>
              <td>{t('severity.page')}</td>
              <td>{t('operator.away')}</td>
              <td>
                <Runbook href={ABSENT} />
              </td>
            </tr>
          ))}
          {holding.map((alert) => (
            <tr key={alert.alert}>
              <th scope="row">{shortName(alert)}</th>
              <td>{t(`severity.${alert.severity}`)}</td>
              <td lang="en">
                {alert.found.map((one) => (
                  <div key={one}>{one}</div>
                ))}
              </td>
              <td>
                <Runbook href={alert.runbook} />
              </td>
            </tr>
          ))}
          {failing.map(({ service, name, detail }) => (
            <tr key={`${service} ${name}`}>
              <th scope="row">{service}</th>
              <td>{t('operator.check', { name })}</td>
              <td lang="en">{detail}</td>
              <td />
            </tr>
          ))}
        </Rows>
      )}
      <p className="soft">{t('operator.limits', { count: prometheus })}</p>
      <p>
        <a href="/portal/levels">{t('levels')}</a> · <a href="/status">{t('operator.public')}</a>
      </p>
    </section>
  );
}

function Services({ services }: { readonly services: readonly Answered[] }) {
  const { t } = useSpeech();
  return (
    <section className="sheet">
      <h2>{t('operator.services')}</h2>
      <Rows
        title={t('operator.services')}
        columns={[t('operator.service'), t('operator.state'), t('operator.version'), t('operator.checks')]}
      >
        {services.map(({ service, health }) => (
          <tr key={service}>
            <th scope="row">{service}</th>
            <td>
              {t(health === undefined ? 'operator.away' : health.ready ? 'operator.ready' : 'operator.not-ready')}
            </td>
            <td>{health?.version}</td>
            <td>
              {health !== undefined &&
                t('operator.passed', { count: health.checks.filter(({ ready }) => ready).length })}
              {health?.checks
                .filter(({ ready, detail }) => !ready || detail !== undefined)
                .map(({ name, ready, detail }) => (
                  <div key={name} lang="en">
                    <span aria-hidden="true">{ready ? '✓' : '✗'}</span> {name}: {detail}
                  </div>
                ))}
            </td>
          </tr>
        ))}
      </Rows>
    </section>
  );
}

function All({ alerts }: { readonly alerts: readonly Alert[] }) {
  const { t } = useSpeech();
  return (
    <section className="sheet">
      <h2>{t('operator.alerts')}</h2>
      <p>{t('operator.alerts.text')}</p>
      <Rows
        title={t('operator.alerts')}
        columns={[
          t('operator.alert'),
          t('operator.state'),
          t('operator.severity'),
          t('operator.after'),
          t('operator.cure'),
        ]}
      >
        {alerts.map((alert) => (
          <tr key={alert.alert}>
            <th scope="row">{shortName(alert)}</th>
            <td>{t(`alert.${alert.state}`)}</td>
            <td>{t(`severity.${alert.severity}`)}</td>
            <td>{alert.for === '0m' ? t('operator.at-once') : alert.for}</td>
            <td>
              <Runbook href={alert.runbook} />
            </td>
          </tr>
        ))}
      </Rows>
    </section>
  );
}
