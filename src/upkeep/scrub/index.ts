export { AskForScrub } from './ask-for-scrub.js';
export { ScrubModule } from './scrub.module.js';
