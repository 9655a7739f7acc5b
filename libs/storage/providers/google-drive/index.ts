export { googleDrive } from './description.js';
