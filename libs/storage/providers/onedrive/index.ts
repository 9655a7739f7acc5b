export { onedrive } from './description.js';
