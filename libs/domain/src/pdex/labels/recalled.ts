import { type Label, UNREADABLE_LABEL } from './names.ts';
import { labelOfTag } from './tag.ts';

/**
 * Among the labels of a tombstone: the payer recalled the resource, so files that were written before must not release
 * it (ADR 0117). No policy withholds by it, because apps that have a copy must hear of the removal. A release that does
 * not know it reads a tag of an unreadable label, which withholds everywhere.
 */
export const RECALLED: Label = labelOfTag({ system: 'recall', code: '', list: '', law: '', label: UNREADABLE_LABEL });
