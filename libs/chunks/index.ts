export { Allowance, ByteBudget } from './byte-budget.js';
export { SealedStage, StagingFull, type StageRoom } from './sealed-stage.js';
export { regroup } from './regroup.js';
