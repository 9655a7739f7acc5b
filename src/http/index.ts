export { HttpModule } from './http.module.js';
export { ProblemFilter } from './problem.filter.js';
export { bodyIsUnread, refuseBody } from './refuse-body.js';
