export { webdav } from './description.js';
