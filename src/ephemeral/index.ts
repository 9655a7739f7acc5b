export { type Count, Ephemeral, EphemeralAway, type Json, type Lock } from './ephemeral.js';
export { EphemeralModule } from './ephemeral.module.js';
