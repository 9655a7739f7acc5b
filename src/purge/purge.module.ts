import { Module } from '@nestjs/common';
import { AccountsModule } from '../accounts/index.js';
import { AuditModule } from '../audit/index.js';
import { ConnectionsModule } from '../connections/index.js';
import { JobsModule } from '../jobs/index.js';
import { KeysModule } from '../keys/index.js';
import { UpkeepModule } from '../upkeep/index.js';
import { DeleteAccountController } from './accounts.controller.js';
import { ClearBlobs } from './clear-blobs.js';
import { DeleteAccount } from './delete-account.js';
import { Disconnect } from './disconnect.js';
import { LeavePlace } from './leave-place.js';
import { LeavingController } from './leaving.controller.js';
import { LookAtLeaving } from './look-at-leaving.js';
import { PurgeAccount } from './purge-account.js';
import { SettleRemovedJob } from './settle-removed-job.js';
import { TidyPlace } from './tidy-place.js';

/**
 * Endings: a connection that is let go, an account that is deleted. Knows in which order things are destroyed, so that
 * nothing is promised before it is true and nothing is forgotten that is still needed to clear away the rest. Keeps no
 * bytes and no keys; blobs are deleted by upkeep.
 */
@Module({
  imports: [AccountsModule, AuditModule, ConnectionsModule, JobsModule, KeysModule, UpkeepModule],
  controllers: [DeleteAccountController, LeavingController],
  providers: [
    ClearBlobs,
    DeleteAccount,
    Disconnect,
    LeavePlace,
    LookAtLeaving,
    PurgeAccount,
    SettleRemovedJob,
    TidyPlace,
  ],
})
export class PurgeModule {}
