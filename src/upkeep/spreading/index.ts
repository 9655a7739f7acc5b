export { SpreadingModule } from './spreading.module.js';
