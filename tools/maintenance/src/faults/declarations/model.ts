import type { Fault } from '../fault.ts';

const suites = ['tools/proofs/src/model.int.spec.ts'];
const LINES = 'libs/domain/src/access/lines.ts';
const DECIDE = 'libs/domain/src/access/decide.ts';
const ANSWERS = 'libs/facts/src/access.ts';
const NOTICES = 'libs/facts/src/notices.ts';
const FILES = 'libs/facts/src/file-steps.ts';
const RELEASES = 'libs/jobs/src/operations/download/releases.ts';

/**
 * What the model of the promises knows of lines of business, notices, full files, recalls, forms of exports and
 * attestations.
 */
export const MODEL: readonly Fault[] = [
  {
    id: 'line-before-its-start',
    what: 'a line of business is shared before it starts',
    suites,
    forms: [
      { file: LINES, find: 'start?.from !== undefined && ms(start.from) <= now;', replace: 'start !== undefined;' },
    ],
  },
  {
    id: 'newest-plan-alone',
    what: 'only the newest plan of a coverage counts',
    suites,
    forms: [
      {
        file: LINES,
        find: 'plans.every(({ plan }) => isPlanShared(table, plan, now));',
        replace: 'plans.slice(-1).every(({ plan }) => isPlanShared(table, plan, now));',
      },
    ],
  },
  {
    id: 'notice-not-waited-for',
    what: 'a member who has got no notice is shown, although the deployment holds',
    suites,
    forms: [
      {
        file: DECIDE,
        find: "if (waitsForNotice(member, party, now)) return deny('notice');",
        replace: '',
      },
    ],
  },
  {
    id: 'returned-mail-counts',
    what: 'a notice that came back counts as sent',
    suites,
    forms: [
      {
        file: NOTICES,
        find: 'notices.filter(({ of, on }) => !returned.includes(markOf(of, on)));',
        replace: 'notices.filter(({ of, on }) => returned.length >= 0 || markOf(of, on) === "");',
      },
    ],
  },
  {
    id: 'opt-in-before-the-notice',
    what: 'an opt-in is answered `effective` while the notice is missing',
    suites,
    forms: [
      {
        file: ANSWERS,
        find: "if (waitsForNotice(facts, parties, now)) return { status: 'held', deadLetters, reason: 'notice' };",
        replace: '',
      },
    ],
  },
  {
    id: 'file-ends-files-of-others',
    what: 'a full file replaces what other senders said',
    suites,
    forms: [{ file: FILES, find: '{ ...all, [source]: part };', replace: '{ [source]: part };' }],
  },
  {
    id: 'absent-row-stays',
    what: 'a row that a full file lacks goes on',
    suites,
    forms: [
      {
        file: FILES,
        find: 'if (steps.some(({ event }) => event === step.event)) return undefined;',
        replace: 'if (step.from === undefined || steps.some(({ event }) => event === step.event)) return undefined;',
      },
    ],
  },
  {
    id: 'file-overrules-a-later-end',
    what: 'the end of a single event does not end what files say',
    suites,
    forms: [{ file: FILES, find: 'return pieces([...own, ...single]);', replace: 'return pieces(own);' }],
  },
  {
    id: 'undo-without-effect',
    what: 'an undo, which gives a row the day of an earlier file back, is taken for an older file',
    suites,
    forms: [
      {
        file: FILES,
        find: 'if (steps.some(({ event }) => event === step.event)) return undefined;',
        replace: 'if (steps.some(({ event, asOf }) => event === step.event || asOf > step.asOf)) return undefined;',
      },
    ],
  },
  {
    id: 'recall-leaves-the-history',
    what: 'the history of a recalled resource has its wrong versions',
    suites,
    forms: [
      {
        file: 'services/resources/src/domain/judge.ts',
        find: "reason: 'entered-in-error', labels: [RECALLED] };",
        replace: "reason: 'deleted', labels: [RECALLED] };",
      },
    ],
  },
  {
    id: 'list-keeps-who-opted-out',
    what: 'the line of the Group in an export keeps a member who opted out',
    suites,
    forms: [
      {
        file: RELEASES,
        find: 'const entries = await this.entriesOf(job, index, index.segments.slice(1), moment);',
        replace: 'const entries = index.segments.slice(1);',
      },
    ],
  },
  {
    id: 'header-stays',
    what: 'the header of a block stays in an organized file when its member opts out',
    suites,
    forms: [
      {
        file: RELEASES,
        find: 'inBlocks(segments, true) };',
        replace: 'index.segments.filter((one) => isHeader(one) || segments.includes(one)) };',
      },
    ],
  },
  {
    id: 'nobody-means-everybody',
    what: 'an export that asks for patients of others alone has the whole Group',
    suites,
    forms: [
      {
        file: 'services/export/src/jobs/export-kind.ts',
        find: 'if (asked !== undefined) return idsOf(asked);',
        replace:
          'const all = await Array.fromAsync(membersOfGroups(this.views.memberships, [group], PAGE));\n' +
          '    if (asked !== undefined && idsOf(asked).some((one) => all.includes(one))) return idsOf(asked);',
      },
    ],
  },
  {
    id: 'patient-is-not-refused',
    what: 'Bulk Data’s operation accepts a patient of whom it releases nothing',
    suites,
    forms: [
      {
        file: 'services/export/src/operations/davinci-data-export/kick-off.ts',
        find: "kickOff.operation === '$export' && !lenient",
        replace: "kickOff.operation === '$export' && lenient",
      },
    ],
  },
  {
    id: 'no-warning-tells-an-opt-out',
    what: 'an export names unknown patients in its warnings, and not those who opted out',
    suites,
    forms: [
      {
        file: 'services/export/src/jobs/sealer.ts',
        find: 'const bare = new Set(summary.bare);',
        replace:
          'const bare = new Set(summary.bare);\n' +
          "      for (const member of summary.refused['opted-out'] ?? []) withLines.add(member);",
      },
    ],
  },
  {
    id: 'comes-back-unseen',
    what: 'a member who comes back to a list since `_since` is no new entry, and has no Patient',
    suites,
    forms: [
      {
        file: 'libs/domain/src/pdex/list-entry.ts',
        find: "if (before === undefined || since > before) return 'new';",
        replace: "if (before === undefined) return 'new';",
      },
    ],
  },
  {
    id: 'list-of-changes',
    what: 'the line of the Group has only the entries that changed since `_since`',
    suites,
    forms: [
      {
        file: 'services/export/src/jobs/list-entries.ts',
        find: 'const change = changeSince(entry, this.#since);',
        replace: "const change = changeSince(entry, this.#since);\n    if (change === 'nochange') return undefined;",
      },
    ],
  },
  {
    id: 'match-ignores-opt-out',
    what: 'an attestation opens a member who opted out',
    suites,
    forms: [
      {
        file: DECIDE,
        find: 'const open = grounds.filter((a) => !optOuts',
        replace: 'const open = grounds.filter((a) => a.attestation !== undefined || !optOuts',
      },
    ],
  },
  {
    id: 'match-of-another-app',
    what: 'what a provider attested for one app opens the member to another one',
    suites,
    forms: [
      {
        file: DECIDE,
        find:
          '(member.attestations ?? []).filter(\n' +
          '    (a) => a.client === request.client && !party.deactivated(a.provider),\n' +
          '  );',
        replace: '(member.attestations ?? []).map((a) => ({ ...a, provider: providers[0] ?? a.provider }));',
      },
    ],
  },
  {
    id: 'match-without-expiry',
    what: 'an attestation opens its member after its expiry',
    suites,
    forms: [
      {
        file: DECIDE,
        find: '        applies(a, now) &&\n        (group',
        replace: '        (a.attestation !== undefined || applies(a, now)) &&\n        (group',
      },
    ],
  },
  {
    id: 'withdrawal-without-effect',
    what: 'an attestation that was entered in error goes on',
    suites,
    forms: [
      {
        file: 'libs/facts/src/attestations.ts',
        find: 'if (known.client !== client || (',
        replace: 'if (known.client === client || (',
      },
    ],
  },
  {
    id: 'matched-group-of-another-app',
    what: 'another app reads the matched Group',
    suites,
    forms: [
      {
        file: 'libs/domain/src/access/group.ts',
        find:
          "  if (group.client !== client) return 'group-of-another';\n" +
          '  const ofClient = providersAt(facts, now);\n' +
          '  const bound = group.providers.filter((provider) => ofClient.includes(provider));',
        replace: '  const bound = group.providers;',
      },
    ],
  },
  {
    id: 'matched-group-without-expiry',
    what: 'an app reads its matched Group after the expiry',
    suites,
    forms: [
      {
        file: 'libs/domain/src/access/group.ts',
        find: "  if (Date.parse(group.to) <= now) return 'group-expired';\n",
        replace: '',
      },
    ],
  },
  {
    id: 'match-by-one-clock',
    what: 'a match finds nobody where the clock of the process that decides is behind that of the kick-off',
    suites,
    forms: [
      {
        file: 'services/export/src/match/attesting.ts',
        find: 'facts && { ...facts, asOf, attestations',
        replace: 'facts && { ...facts, ...(asOf === "" && { asOf }), attestations',
      },
    ],
  },
  {
    id: 'withdrawal-of-one-id',
    what: 'a withdrawal leaves what was attested of an id that was merged since',
    suites,
    forms: [
      {
        file: 'services/export/src/match/match-chunks.ts',
        find: '[{ member, facts }, ...others].flatMap(',
        replace: '[{ member, facts }, ...others.slice(others.length)].flatMap(',
      },
    ],
  },
];
