export { MemoryProvider, memoryProvider } from './memory-provider.js';
