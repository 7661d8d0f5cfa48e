export { Driver } from './driver.ts';
export { drawing, type Draw } from './drawing.ts';
export { printed, PRACTICES, PROVIDERS, sequenceOf, type Disturbance, type Operation } from './operations.ts';
export { type Answer, type Call, type Gate, json, World } from './world.ts';
