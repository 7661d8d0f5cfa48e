import { useState } from 'react';
import type { Fault } from '../../common/api.ts';
import { Button } from '../../common/parts.tsx';
import { FaultNotice } from '../fault.tsx';
import { useSpeech } from '../texts.ts';
import type { Shown } from './imports-page.tsx';
import { undo } from './requests.ts';

/** Begins an undo, which first says what it would take back. */
export function TakeBack({ batch, show }: { readonly batch: string; readonly show: (shown: Shown) => void }) {
  const { t } = useSpeech();
  const [fault, setFault] = useState<Fault>();
  async function begin(): Promise<void> {
    const asked = await undo(batch);
    setFault(asked.fault);
    if (asked.fault === undefined) show({ at: 'run', run: asked.data.id });
  }
  return (
    <>
      {fault !== undefined && <FaultNotice fault={fault} />}
      <Button aria-label={t('imports.undo.one', { batch })} onPress={() => void begin()}>
        {t('imports.undo.begin')}
      </Button>{' '}
    </>
  );
}
