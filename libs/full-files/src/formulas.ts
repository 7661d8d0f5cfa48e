/**
 * A spreadsheet runs a cell that begins with one of these as a formula, and a file of refused rows is made to be opened
 * in one. Japanese spreadsheets take the wide forms too. Behind a blank it is a text.
 */
const BEGIN = '(?=[=+\\-@＝＋－＠])';
/**
 * Where a cell begins: not only behind the separator of the file, because a spreadsheet splits lines by the one of its
 * own language. Tabs and line breaks are among them, which spreadsheets skip before a formula.
 */
const CELL = '(^|[,;|\\t\\r\\n])("*)';
const FORMULA = new RegExp(`${CELL}${BEGIN}`, 'g');
const APOSTROPHE = new RegExp(`${CELL}'${BEGIN}`, 'g');

/** Puts an apostrophe in front of each formula, so that a spreadsheet shows a text. */
export const withoutFormulas = (row: string): string => row.replaceAll(FORMULA, "$1$2'");

/** A cell as it was before `withoutFormulas`, so that a corrected row says what the refused one said. */
export const withFormulas = (cell: string): string => (cell.includes("'") ? cell.replaceAll(APOSTROPHE, '$1$2') : cell);
