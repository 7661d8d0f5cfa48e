import { FAULT_REASONS, FILE_KINDS } from '@provider-access/events';
import { type Json, ref } from '@provider-access/service/operation';
import { counts, INSTANT, list, text } from './parts.ts';

const count = (description: string): Json => ({ type: 'integer', description });
const REPORT: Json = {
  type: 'object',
  description: 'What the import would change, as `pa simulate` says it. It names no member.',
  required: ['number', 'batch', 'first', 'rows', 'held', 'added', 'changed', 'ended', 'reasons', 'lists', 'moreLists'],
  properties: {
    number: text('Names this report. The same file over the same state has the same number.'),
    batch: text('The name of the import.'),
    first: { type: 'boolean', description: 'The source has no import yet, so there is nothing to compare with.' },
    rows: count('Rows of the file.'),
    repeated: count('Rows that stand there more than once, with equal content.'),
    held: count('Rows that the platform holds of the source.'),
    added: { type: 'integer' },
    changed: { type: 'integer' },
    ended: { type: 'integer' },
    kept: count('Opt-outs that the file lacks. They stay, because nobody has confirmed their ends.'),
    gained: count('Members and lists that change: a member on two lists counts twice.'),
    lost: { type: 'integer' },
    unforeseen: count(
      'Changes of a network for which nobody can say what lists gain and lose, because they are too many.',
    ),
    sensitive: counts('Gained members by security label, of resources that their new providers would get.'),
    reasons: { type: 'array', items: { type: 'string' }, description: 'Why a person must look at it closely.' },
    causes: { type: 'array', items: { type: 'object' }, description: 'The same, for other languages.' },
    lists: list(
      {
        type: 'object',
        required: ['list', 'held', 'gained', 'lost'],
        properties: {
          list: text('The providers of the list.'),
          held: count('Rows of the source that name the provider. Of a network: members whom its apps see now.'),
          gained: { type: 'integer' },
          lost: { type: 'integer' },
        },
      },
      'The lists that change most, at most 50. A list of runs leaves them out.',
    ),
    moreLists: count('Changed lists that `lists` leaves out.'),
  },
};

const UNDO_REPORT: Json = {
  type: 'object',
  description: 'What an undo would take back.',
  required: ['number', 'batch', 'undoes', 'rows', 'kept', 'members'],
  properties: {
    number: text('Names this report.'),
    batch: text('The name of the undo, which is an import too.'),
    undoes: text('The import that it takes back.'),
    rows: count('Rows that the import had stated, and that are as before it again.'),
    kept: count('Rows that a later import changed. They stay.'),
    members: count('Members who may have been seen by a row of the import. None for a network, whose rows open lists.'),
    since: { ...INSTANT, description: 'When the import published its first row.' },
  },
};

/** What people have the platform do in steps. */
export const RUNS: Readonly<Record<string, Json>> = {
  DeadLetterRun: {
    type: 'object',
    required: ['id', 'cause', 'reason', 'detail', 'action', 'isCorrected', 'by', 'startedAt', 'status', 'of', 'taken'],
    properties: {
      id: { type: 'string' },
      cause: text('The cause whose dead letters the run takes.'),
      reason: { enum: Object.keys(FAULT_REASONS) },
      detail: { type: 'string' },
      eventType: text('As the sender wrote it, so it may be any text.'),
      action: { enum: ['replay', 'discard'] },
      why: text('Why the dead letters are discarded.'),
      isCorrected: { type: 'boolean', description: 'Each event is corrected.' },
      by: text('Who began the run.'),
      startedAt: { ...INSTANT, description: 'Dead letters that were parked later stay open.' },
      endedAt: INSTANT,
      status: { enum: ['running', 'done', 'stopped'] },
      of: {
        type: 'object',
        description: 'Dead letters of the cause at the start, counted up to 1000.',
        required: ['count', 'isMore'],
        properties: { count: { type: 'integer' }, isMore: { type: 'boolean' } },
      },
      taken: { type: 'integer', description: 'Dead letters that the run has handled.' },
      counts: counts('Outcomes as of a receipt, `discarded`, and `failed` for those that stay open.'),
      failures: list(
        {
          type: 'object',
          required: ['deadLetter', 'reason'],
          properties: {
            deadLetter: { type: 'string' },
            reason: text('As of a dead letter, or `gone`: the log has lost it, or `correction`: it does not fit.'),
            detail: text('What is wrong, without a value of the event.'),
            again: text('The dead letter that the replayed event became.'),
          },
        },
        'The first 100 that could not be resolved.',
      ),
    },
  },
  ImportReport: REPORT,
  UndoReport: UNDO_REPORT,
  ImportRun: {
    type: 'object',
    required: ['id', 'action', 'kind', 'source', 'asOf', 'state', 'by', 'startedAt', 'parts'],
    properties: {
      id: { type: 'string' },
      action: { enum: ['import', 'undo'] },
      undoes: text('Of an undo: the import that it takes back.'),
      kind: { enum: [...FILE_KINDS] },
      source: text('Who sent the file.'),
      asOf: { type: 'string', format: 'date', description: 'The day of which it tells.' },
      rows: count('How many rows its sender says that it has.'),
      name: text('The name of the file. An undo has none.'),
      state: {
        enum: ['uploading', 'checking', 'checked', 'publishing', 'done', 'refused', 'stopped', 'failed'],
        description:
          '`checked` waits for a confirmation. The last four are ends, after which nothing of the file is left. ' +
          'Nothing was published of a `refused` one.',
      },
      isStopping: { type: 'boolean', description: 'Somebody stops it, and it publishes for a moment more.' },
      progress: {
        type: 'object',
        required: ['step', 'count'],
        properties: { step: { enum: ['reading', 'comparing', 'publishing'] }, count: { type: 'integer' } },
      },
      fault: {
        type: 'object',
        description: 'What is wrong with the file, or why the run is `checked` again. It quotes no cell.',
        required: ['code', 'text'],
        properties: {
          code: { type: 'string' },
          text: { type: 'string' },
          about: { type: 'object', description: 'The values that the text names, for other languages.' },
          rows: list(
            {
              type: 'object',
              required: ['line', 'reason'],
              properties: { line: { type: 'integer' }, column: { type: 'string' }, reason: { type: 'string' } },
            },
            'The first 20 rows that cannot be read.',
          ),
        },
      },
      report: { oneOf: [ref('ImportReport'), ref('UndoReport')] },
      batch: text('The name of the import, for an undo.'),
      by: text('Who began the run.'),
      confirmedBy: text('Who confirmed its report.'),
      startedAt: INSTANT,
      endedAt: INSTANT,
      parts: count('Parts of the file that are stored.'),
    },
  },
};
