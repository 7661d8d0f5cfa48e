import { useState } from 'react';
import { Form } from 'react-aria-components';
import type { Fault } from '../common/api.ts';
import { decision, type Denials, isNpi } from '../common/consent.ts';
import { decide, type Decided } from '../common/decide.ts';
import { Button, Field, Notice, Radios } from '../common/parts.tsx';
import { FaultNotice } from './app.tsx';
import type { Release } from './requests.ts';
import { useSpeech } from './texts.ts';

type Kind = 'out-all' | 'out-one' | 'in-all' | 'in-one';
const OTHER = 'other';

/** What is possible after what the member has said so far. */
function kindsOf({ all, named, other }: Denials): readonly Kind[] {
  if (all) return ['in-all'];
  return [
    'out-all',
    'out-one',
    ...(named.length > 0 || other ? (['in-all'] as const) : []),
    ...(named.some(isNpi) ? (['in-one'] as const) : []),
  ];
}
/** Doctors and clinics that got data: NPI and name. */
function knownIn(seen: readonly Release[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const { agent } of seen)
    for (const key of agent?.providers ?? []) {
      const [kind, value = ''] = key.split('|');
      if (kind === 'npi' && !found.has(value)) found.set(value, agent!.name);
    }
  return found;
}

interface DecideFormProps {
  readonly member: string;
  readonly denials: Denials;
  readonly seen: readonly Release[];
  readonly decided: (decided: Decided) => void;
}
/** The choice of the member, with what it means. A link is for one choice. */
export function DecideForm({ member, denials, seen, decided }: DecideFormProps) {
  const { t } = useSpeech();
  const [kind, setKind] = useState<Kind>();
  const [doctor, setDoctor] = useState('');
  const [npi, setNpi] = useState('');
  const [fault, setFault] = useState<Fault>();
  const [wrong, setWrong] = useState(false);
  const [busy, setBusy] = useState(false);
  const isOne = kind === 'out-one' || kind === 'in-one';
  const known = knownIn(seen);
  const name = (one: string): string => (known.has(one) ? `${known.get(one)!} (NPI ${one})` : `NPI ${one}`);
  const doctors =
    kind === 'in-one'
      ? denials.named.filter(isNpi).map((one) => [one, name(one)] as const)
      : [
          ...[...known.keys()].filter((one) => !denials.named.includes(one)).map((one) => [one, name(one)] as const),
          [OTHER, t('which.other')] as const,
        ];
  const chosen = isOne ? (doctor === OTHER || doctors.length === 1 ? undefined : doctor) : '';
  const typed = isOne && kind === 'out-one' && (doctor === OTHER || doctors.length === 1);
  const one = typed
    ? npi.replaceAll(/[\s-]/g, '')
    : kind === 'in-one' && doctors.length === 1
      ? doctors[0]![0]
      : chosen;
  const isReady = kind !== undefined && (!isOne || (one !== undefined && one !== ''));

  async function send(): Promise<void> {
    setWrong(false);
    setFault(undefined);
    if (isOne && !isNpi(one ?? '')) return setWrong(true);
    setBusy(true);
    const type = kind === 'out-all' || kind === 'out-one' ? 'deny' : 'permit';
    const asked = await decide(decision(member, type, isOne ? one : undefined));
    setBusy(false);
    if (asked.fault === undefined) decided(asked.data);
    else setFault(asked.fault);
  }

  return (
    <section className="sheet no-print">
      <Form
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <Radios
          label={t('decide')}
          value={kind ?? ''}
          onChange={(value) => {
            setKind(value as Kind);
            setDoctor('');
          }}
          options={kindsOf(denials).map((each) => [each, t(each), t(`${each}.means`)] as const)}
        />
        {isOne && doctors.length > 1 && (
          <Radios label={t('which')} value={doctor} onChange={setDoctor} options={doctors} />
        )}
        {isOne && kind === 'in-one' && doctors.length === 1 && <p>{doctors[0]![1]}</p>}
        {typed && <Field label={t('npi')} help={t('npi.help')} value={npi} onChange={setNpi} isRequired />}
        {wrong && <Notice kind="bad">{t('npi.wrong')}</Notice>}
        {fault !== undefined && <FaultNotice fault={fault} opened retry={() => void send()} />}
        <p>{t('always')}</p>
        <div className="buttons">
          <Button type="submit" look="main" isDisabled={busy || !isReady}>
            {t('send')}
          </Button>
        </div>
      </Form>
    </section>
  );
}
