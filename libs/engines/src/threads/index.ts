export { answerCalls, startThread, ThreadError, ThreadPool } from './thread-pool.ts';
