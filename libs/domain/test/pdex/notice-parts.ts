import type { NoticeTemplate } from '../../src/pdex/notices/index.ts';

/**
 * The parts that each text must have, by the ids of its headings. `right`, `benefits`, `opt-out` and `opt-in` are what
 * 42 CFR 422.121(a)(4)(ii) asks of a notice; the others are ours (PEOPLE.md N34, N35).
 */
const NOTICE_PARTS = [
  'benefits',
  'shared',
  'not-shared',
  'right',
  'opt-out',
  'opt-in',
  'sent',
  'care',
  'contacts',
] as const;
const FORM_PARTS = ['person', 'choice', 'signature', 'contacts'] as const;
const REQUIRED_PARTS: Readonly<Record<NoticeTemplate, readonly string[]>> = {
  'member-notice': NOTICE_PARTS,
  'web-page': NOTICE_PARTS,
  'opt-out-form': FORM_PARTS,
  'opt-in-form': FORM_PARTS,
  'provider-letter': ['shared', 'request', 'attribution', 'opt-out', 'contacts'],
};

/** The ids of required parts that the text lacks, or that have no words */
export function missingParts(template: NoticeTemplate, text: string): readonly string[] {
  const sections = new Map(
    text.split(/^(?=#)/m).flatMap((section) => {
      const [heading = '', ...body] = section.split('\n');
      const id = /\{#([\w-]+)\}\s*$/.exec(heading)?.[1];
      return id === undefined ? [] : [[id, body.join('').trim()] as const];
    }),
  );
  return REQUIRED_PARTS[template].filter((part) => (sections.get(part) ?? '') === '');
}
