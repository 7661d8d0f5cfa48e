export { AccessHolds, type Hold, holdOf, MOST_HOLDS } from './access-holds.ts';
export { type Cause, derivedEventId, derivedRecord } from './derived-event.ts';
export { differenceOf, identifiersOf, type Matter, matterOf, MERGED, UNKNOWN_TYPE } from './matter.ts';
export { brokenMerge, idMeant } from './meant-id.ts';
export { Resolutions } from './resolutions.ts';
export { Intake, type IntakeRole, type Taken, type TakenFrom, type Turn } from './frame.ts';
export { type Output } from './output.ts';
export { LatestTime } from './latest-time.ts';
export { isResourceEvent } from './resources.ts';
export {
  concerned,
  type Concerned,
  type Inbound,
  type InboundEvent,
  type InboundFault,
  type Interest,
  type Readable,
  readInbound,
} from './read.ts';
export { MOST_IDS, TOO_MANY_IDS } from './too-many-ids.ts';
