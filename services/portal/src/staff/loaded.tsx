import { type ReactNode, useEffect, useState } from 'react';
import type { Asked, Fault } from '../common/api.ts';
import { FaultNotice } from './fault.tsx';
import { useSpeech } from './texts.ts';

interface LoadedProps<T> {
  readonly title: string;
  readonly text?: string;
  readonly ask: () => Promise<Asked<T>>;
  readonly show: (data: T) => ReactNode;
}
/** A section of a page that asks for its own data, so that a fault of one service takes no other section away. */
export function Loaded<T>({ title, text, ask, show }: LoadedProps<T>) {
  const { t } = useSpeech();
  const [data, setData] = useState<T>();
  const [fault, setFault] = useState<Fault>();
  const [tries, setTries] = useState(0);
  useEffect(() => {
    let isShown = true;
    setFault(undefined);
    void ask().then((asked) => {
      if (!isShown) return;
      setData(asked.data);
      setFault(asked.fault);
    });
    return () => void (isShown = false);
  }, [tries]);
  return (
    <section className="sheet">
      <h2>{title}</h2>
      {text !== undefined && <p>{text}</p>}
      {fault !== undefined && <FaultNotice fault={fault} retry={() => setTries(tries + 1)} />}
      {data === undefined && fault === undefined && <p role="status">{t('loading')}</p>}
      {data !== undefined && show(data)}
    </section>
  );
}
