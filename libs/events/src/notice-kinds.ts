/** PEOPLE.md N30 to N32. */
export const NOTICE_KINDS = ['first', 'enrolment', 'yearly'] as const;
