import { useEffect, useState } from 'react';
import type { Fault } from '../../common/api.ts';
import { Button, Heading } from '../../common/parts.tsx';
import { Rows } from '../../common/table.tsx';
import { FaultNotice } from '../fault.tsx';
import { useSpeech } from '../texts.ts';
import { whyOf } from './funnel.tsx';
import { type Funnel, funnel, type Question } from './funnel-requests.ts';

interface LostMembersProps {
  readonly of: Question;
  readonly title: string;
}
/** The members whom a step loses, in pages of the server. The audit names them before they are here. */
export function LostMembers({ of, title }: LostMembersProps) {
  const { t } = useSpeech();
  const [members, setMembers] = useState<NonNullable<Funnel['members']>>([]);
  const [next, setNext] = useState<string>();
  const [asking, setAsking] = useState(true);
  const [fault, setFault] = useState<Fault>();
  async function more(): Promise<void> {
    setAsking(true);
    const asked = await funnel(of, next);
    setAsking(false);
    setFault(asked.fault);
    if (asked.fault !== undefined) return;
    setMembers([...members, ...(asked.data.members ?? [])]);
    setNext(asked.data.next);
  }
  useEffect(() => void more(), []);
  return (
    <>
      <Heading level={2}>{title}</Heading>
      {members.length > 0 && (
        <Rows title={title} columns={[t('funnel.member'), t('funnel.lost')]}>
          {members.map(({ member, reason }) => (
            <tr key={member}>
              <th scope="row">
                <bdi>{member}</bdi>
              </th>
              <td>{whyOf(t, reason ?? 'waiting')}</td>
            </tr>
          ))}
        </Rows>
      )}
      {asking && <p role="status">{t('loading')}</p>}
      {fault !== undefined && <FaultNotice fault={fault} retry={() => void more()} />}
      {next !== undefined && !asking && <Button onPress={() => void more()}>{t('funnel.more')}</Button>}
    </>
  );
}
