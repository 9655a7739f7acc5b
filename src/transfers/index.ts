export { attachment, ContentExchange } from './content-exchange.js';
export { uploadHeaders } from './request-headers.js';
export { TransfersModule } from './transfers.module.js';
export { ReadFile } from './read-file.js';
export { RoomForUpload } from './room-for-upload.js';
export { StoreFile } from './store-file.js';
export * from './errors.js';
