import { speechOf } from '../common/language.tsx';
import auditEn from '../texts/audit.en.json';
import auditEs from '../texts/audit.es.json';
import callsEn from '../texts/calls.en.json';
import callsEs from '../texts/calls.es.json';
import engineerEn from '../texts/engineer.en.json';
import engineerEs from '../texts/engineer.es.json';
import evidenceEn from '../texts/evidence.en.json';
import evidenceEs from '../texts/evidence.es.json';
import importsEn from '../texts/imports.en.json';
import importsEs from '../texts/imports.es.json';
import lettersEn from '../texts/letters.en.json';
import lettersEs from '../texts/letters.es.json';
import operatorEn from '../texts/operator.en.json';
import operatorEs from '../texts/operator.es.json';
import reviewsEn from '../texts/reviews.en.json';
import reviewsEs from '../texts/reviews.es.json';
import staffEn from '../texts/staff.en.json';
import staffEs from '../texts/staff.es.json';

const en = {
  ...staffEn,
  ...callsEn,
  ...auditEn,
  ...engineerEn,
  ...evidenceEn,
  ...importsEn,
  ...operatorEn,
  ...reviewsEn,
  ...lettersEn,
};
const es = {
  ...staffEs,
  ...callsEs,
  ...auditEs,
  ...engineerEs,
  ...evidenceEs,
  ...importsEs,
  ...operatorEs,
  ...reviewsEs,
  ...lettersEs,
};
export type StaffText = keyof typeof en;
export const { Speaking, useSpeech } = speechOf<StaffText>({ en, es });
/** Whether there is a text for a word that the server may have learned since. */
export const isText = (key: string): key is StaffText => key in en;
