export { Fault } from './fault.js';
