import type { Command } from 'commander';
import { contextOf, documentationOf } from '../context.ts';
import { CliError, EXIT } from '../output.ts';
import { id, instant, text } from '../options.ts';
import { type List, type ListOptions, printList, withList } from './lists.ts';

interface Look {
  readonly at: string;
  readonly by: string;
  /** Absent in entries of releases that did not record it. */
  readonly operation?: string;
  readonly action?: string;
  /** Whose sessions the request ended. */
  readonly person?: string;
  readonly outcome: string;
  readonly reason?: string;
  readonly members: readonly string[];
}
const LOOKS = '/ops/disclosures/looks';
/** So many ids of members are in a row. `--csv` and `--json` have them all. */
const SHOWN = 3;
const shownOf = (members: readonly string[], all: boolean): string =>
  all || members.length <= SHOWN
    ? members.join(' ')
    : `${members.slice(0, SHOWN).join(' ')} and ${members.length - SHOWN} more`;

/** `pa people`: what concerns the people of the payer who sign in. */
export function peopleCommands(program: Command): void {
  const people = program.command('people').description("the payer's people: their sessions, and what they looked at");
  people
    .command('sign-out')
    .argument('<person>', 'as the audit names the person, such as "person u-17"', text('PERSON'))
    .description('ends all sessions of a person at once')
    .addHelpText(
      'after',
      ({ command }) => `
It keeps nobody from a new sign-in: take the role or the account away at your identity provider first.
See ${documentationOf(command, 'signing-in')}`,
    )
    .action(async (person: string, _: object, command: Command) => {
      const { server, out, administratorToken } = contextOf(command);
      const token = administratorToken();
      const answer = await server.post<{ ended: number }>('/auth/session/end-all', { person }, { token });
      const { ended } = answer;
      out.result(answer, [`${ended} ${ended === 1 ? 'session' : 'sessions'} of ${person} ended`]);
    });
  withList(people.command('looks'), 'time')
    .argument('[member]', 'member id', id('MEMBER'))
    .option('--by <person>', 'as the audit names who looked, such as "person u-17"', text('--by'))
    .option('--until <instant>', 'rows whose time is before', instant('--until'))
    .description('who of the payer looked at a member, or at whom a person looked')
    .action(async (member: string | undefined, o: ListOptions & { by?: string; until?: string }, command: Command) => {
      if (member === undefined && o.by === undefined)
        throw new CliError(EXIT.usage, 'name a member, or with --by a person: pa people looks MEMBER');
      const { server, out, administratorToken } = contextOf(command);
      const token = administratorToken();
      const query = new URLSearchParams({
        ...(member !== undefined && { member }),
        ...(o.by !== undefined && { by: o.by }),
        ...(o.since !== undefined && { since: o.since }),
        ...(o.until !== undefined && { until: o.until }),
      });
      const items: Look[] = [];
      for (let next: string | undefined = `${LOOKS}?${query}`; next !== undefined;) {
        // A link of the server leads to the same list, and never to another host.
        if (!next.startsWith(`${LOOKS}?`))
          throw new CliError(EXIT.unavailable, 'the server named a next page elsewhere');
        const page: { readonly looks: readonly Look[]; readonly next?: string } = await server.json(next, { token });
        for (const look of page.looks) items.push(look);
        next = o.limit !== undefined && items.length >= o.limit ? undefined : page.next;
      }
      const list: List<Look> = {
        items,
        header: ['at', 'by', 'route', 'outcome', 'members', 'person'],
        row: (look) => [
          look.at,
          look.by,
          look.operation ?? look.action ?? '',
          look.reason === undefined ? look.outcome : `${look.outcome}: ${look.reason}`,
          shownOf(look.members, o.csv === true),
          look.person ?? '',
        ],
        timeOf: (look) => look.at,
        none: ['nobody'],
      };
      printList(out, list, o);
    });
}
