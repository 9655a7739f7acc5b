export { GatewaysModule } from './gateways.module.js';
export { GatewayLease } from './gateway-lease.js';
export { aliveGateways, deadGateways, forgetGateway, isAlive } from './gateways.store.js';
export { SteadyLook } from './steady-look.js';
