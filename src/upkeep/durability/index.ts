export { CountWeakChunks } from './count-weak-chunks.js';
export { DurabilityModule } from './durability.module.js';
