export { HttpModule } from './http.module.js';
export { WaitingLine } from './waiting-line.js';
export { GatewayAdapter } from './http-server.js';
