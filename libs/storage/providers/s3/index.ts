export { s3 } from './description.js';
