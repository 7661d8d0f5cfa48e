import { Rows } from '../../common/table.tsx';
import { isEver, type Names, providerIn } from '../audit/said.ts';
import { isText, useSpeech } from '../texts.ts';
import type { Ground, LastDecision, OtherApp, SeeingApp, Seeing as SeeingApps } from './requests.ts';

/**
 * Which apps can see the member now and why, and which cannot. The end of the period is now, so what lasts until then
 * is in force.
 */
export function Seeing({ apps, others = [], moreOthers = 0, names = {}, unknown, from, to }: SeeingApps) {
  const { t, date } = useSpeech();
  const lastOf = ({ periods }: SeeingApp) => periods.at(-1);
  const now = apps.filter((one) => lastOf(one)?.to === to);
  const before = apps.filter((one) => one.periods.length > 0 && lastOf(one)?.to !== to);
  const isUnknown = unknown.length > 0 || apps.some((one) => (one.unknown ?? []).length > 0);
  return (
    <>
      <section className="sheet figures">
        <h2>{t('call.now')}</h2>
        {isUnknown && <p>{t('call.unknown')}</p>}
        {now.length === 0 ? (
          <p>{t('call.now.none')}</p>
        ) : (
          <>
            <p>{t('call.now.why')}</p>
            <Rows title={t('call.now')} columns={[t('call.app'), t('call.since')]}>
              {now.map((one) => (
                <tr key={one.client}>
                  <td>
                    <App app={one} names={names} />
                  </td>
                  <td>{lastOf(one)!.from === from ? t('call.day') : date(lastOf(one)!.from)}</td>
                </tr>
              ))}
            </Rows>
          </>
        )}
        {before.length > 0 && (
          <>
            <h3>{t('call.before')}</h3>
            <Without apps={before} names={names} />
          </>
        )}
      </section>
      {others.length > 0 && (
        <section className="sheet">
          <h2>{t('cannot')}</h2>
          <p>{t('cannot.text')}</p>
          <Without apps={others} names={names} />
          {moreOthers > 0 && <p>{t('cannot.more', { count: moreOthers })}</p>}
        </section>
      )}
    </>
  );
}

interface AppsProps {
  readonly apps: readonly OtherApp[];
  readonly names: Names;
}
const Without = ({ apps, names }: AppsProps) => (
  <ul className="sentences">
    {apps.map((one) => (
      <li key={one.client}>
        <App app={one} names={names} />
      </li>
    ))}
  </ul>
);

/** An app, and the decision about it: a sentence for each ground. */
function App({ app: { client, name, last }, names }: { readonly app: OtherApp; readonly names: Names }) {
  const { t, date } = useSpeech();
  const groundIn = ({ kind, providers, from, to }: Ground): string => {
    const values = { name: providerOf(names, providers), from: date(from), to: to === undefined ? '' : date(to) };
    if (kind === 'attestation') return t('ground.attestation', values);
    if (to !== undefined) return t('ground.attribution.until', values);
    return t(isEver(from) ? 'ground.attribution.always' : 'ground.attribution', values);
  };
  const why = (decided: LastDecision): readonly string[] => {
    if (decided.decision === 'permit') {
      const { grounds, moreGrounds } = decided;
      return [...grounds.map(groundIn), ...(moreGrounds > 0 ? [t('ground.more', { count: moreGrounds })] : [])];
    }
    const reason = decided.decision === 'deny' ? decided.reason : 'unknown';
    const key = `cannot.${reason}`;
    return [isText(key) ? t(key) : t('cannot.other', { reason })];
  };
  return (
    <>
      <bdi>{name}</bdi>
      <div className="soft id">{client}</div>
      {last !== undefined &&
        why(last).map((one) => (
          <div key={one}>
            <bdi>{one}</bdi>
          </div>
        ))}
    </>
  );
}

/** The identifiers of an attribution are those of one provider, which has one name. */
function providerOf(names: Names, providers: readonly string[]): string {
  const named = providers.find((key) => names[key] !== undefined);
  const ids = providers.map((key) => providerIn({}, key)).join(', ');
  return named === undefined ? ids : `${names[named]!} (${ids})`;
}
