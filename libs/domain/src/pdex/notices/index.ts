export { blocksOf, type Inline } from './document.ts';
export { addDays, type NoticeFacts, type NoticeKind, nextNotice } from './due.ts';
export { type Filled, noticeLinks, noticePlaces } from './places.ts';
export { printNotice } from './print.ts';
export { type NoticeSettings, readNoticeSettings } from './settings.ts';
export { NOTICE_TEMPLATES, type NoticeTemplate, templateText, TO_CHECK } from './templates.ts';
