export { HomesModule } from './homes.module.js';
export { MoveMany, newTally } from './move-many.js';
