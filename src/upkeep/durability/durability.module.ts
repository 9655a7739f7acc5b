import { Module } from '@nestjs/common';
import { ConnectionsModule } from '../../connections/index.js';
import { FilesModule } from '../../files/index.js';
import { TransfersModule } from '../../transfers/index.js';
import { CountWeakChunks } from './count-weak-chunks.js';
import { DurabilityController } from './durability.controller.js';
import { DurabilityMetrics } from './durability-metrics.js';
import { ShowDurability } from './show-durability.js';

/**
 * How many more losses what is stored survives, for a file, a folder, an account, and the whole gateway; what is at risk,
 * and what is done about it. Knows the chunks that are weak; neither finds faults nor mends them.
 */
@Module({
  imports: [ConnectionsModule, FilesModule, TransfersModule],
  controllers: [DurabilityController],
  providers: [CountWeakChunks, DurabilityMetrics, ShowDurability],
  exports: [CountWeakChunks],
})
export class DurabilityModule {}
