import { useState } from 'react';
import { api, ask, type Fault } from '../../common/api.ts';
import { Button } from '../../common/parts.tsx';
import { FaultNotice } from '../fault.tsx';
import { useSpeech } from '../texts.ts';
import { ApproveForm } from './approve-form.tsx';
import { EndForm } from './end-form.tsx';
import { shown, type ShownApp, type Status } from './shapes.ts';

type Decision = 'review' | 'approve' | 'reject' | 'suspend' | 'revoke';
/** What may follow each state (docs/reviewing.md). The server decides; a page that is too old gets its refusal. */
const NEXT: Readonly<Record<Status, readonly Decision[]>> = {
  submitted: ['approve', 'review', 'reject'],
  'in-review': ['approve', 'reject'],
  approved: ['approve', 'suspend', 'revoke'],
  suspended: ['approve', 'revoke'],
  expired: ['approve'],
  rejected: [],
  revoked: [],
};

interface DecideProps {
  readonly app: ShownApp;
  readonly reload: () => void;
  readonly decided: (after: ShownApp, text: string) => void;
}
/** The decisions that the state of the app permits. */
export function Decide({ app, reload, decided }: DecideProps) {
  const { t } = useSpeech();
  const [chosen, setChosen] = useState<Exclude<Decision, 'review'>>();
  const [fault, setFault] = useState<Fault>();
  const finished = (after: ShownApp): void => {
    setChosen(undefined);
    decided(after, t('decide.done', { status: t(`status.${after.status}`) }));
  };
  async function review(): Promise<void> {
    const path = { client: app.client_id };
    const asked = await ask(api.POST('/auth/clients/{client}/review', { params: { path } }));
    if (asked.fault === undefined) finished(shown(asked.data));
    else setFault(asked.fault);
  }

  if (chosen === 'approve') return <ApproveForm app={app} cancel={() => setChosen(undefined)} decided={finished} />;
  if (chosen !== undefined)
    return <EndForm kind={chosen} app={app} cancel={() => setChosen(undefined)} decided={finished} />;
  const next = NEXT[app.status];
  return (
    <section className="sheet">
      <h2>{t('decide')}</h2>
      {fault !== undefined && <FaultNotice fault={fault} retry={reload} />}
      {next.length === 0 && <p>{t('decide.none')}</p>}
      <div className="buttons">
        {next.map((one) => (
          <Button
            key={one}
            look={one === 'approve' ? 'main' : 'plain'}
            onPress={() => (one === 'review' ? void review() : setChosen(one))}
          >
            {t(`decide.${one}`)}
          </Button>
        ))}
      </div>
    </section>
  );
}
