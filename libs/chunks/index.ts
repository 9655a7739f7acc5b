export { Allowance, ByteBudget } from './byte-budget.js';
export { SealedStage, type StageRoom } from './sealed-stage.js';
export { regroup } from './regroup.js';
