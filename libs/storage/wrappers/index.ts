export { askingBeforeDeletes } from './asking-before-deletes.js';
export { type Meter, metered, type MeteredCall, type StorageMethod } from './metered.js';
export { briskRetryBudget, retrying, type RetryBudget, type RetryOptions, usualRetryBudget } from './retrying.js';
