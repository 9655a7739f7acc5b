export { UpkeepModule } from './upkeep.module.js';
export { Sweep } from './sweep.js';
export { UpkeepRounds } from './upkeep-rounds.js';
export { keylessUpkeep } from './keyless.js';
