export { JobsModule } from './jobs.module.js';
export { type JobKind, JobKinds } from './job-kinds.js';
export { Jobs, type NewJob } from './jobs.js';
export type { JobRun } from './job-run.js';
export type { Progress } from './progress.js';
export { RunJobs } from './run-jobs.js';
export { Worker } from './worker.js';
export * from './faults.js';
