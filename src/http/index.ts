export { HttpModule } from './http.module.js';
