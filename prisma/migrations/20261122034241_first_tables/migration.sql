-- CreateTable
CREATE TABLE "Client" (
    "id" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "segments" JSONB NOT NULL,
    "policyNames" TEXT[],
    "appliedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "Client_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Site" (
    "id" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "timeZone" TEXT NOT NULL,
    "networks" JSONB NOT NULL,
    "budget" JSONB,
    "blackouts" JSONB NOT NULL,
    "retiredAt" TIMESTAMPTZ(3),

    CONSTRAINT "Site_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Endpoint" (
    "id" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "siteId" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "role" TEXT,
    "criticality" TEXT NOT NULL,
    "owner" TEXT,
    "redundancyGroup" TEXT,
    "tags" TEXT[],
    "address" JSONB,
    "generation" INTEGER NOT NULL DEFAULT 1,
    "enrolledAt" TIMESTAMPTZ(3),
    "retiredAt" TIMESTAMPTZ(3),
    "lastSeenAt" TIMESTAMPTZ(3),

    CONSTRAINT "Endpoint_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "EnrolmentToken" (
    "tokenDigest" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "endpointId" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "usedAt" TIMESTAMPTZ(3),
    "requestDigest" TEXT,
    "certificate" TEXT,

    CONSTRAINT "EnrolmentToken_pkey" PRIMARY KEY ("tokenDigest")
);

-- CreateTable
CREATE TABLE "Inventory" (
    "id" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "endpointId" TEXT NOT NULL,
    "cycleId" TEXT NOT NULL,
    "step" TEXT NOT NULL,
    "takenAt" TIMESTAMPTZ(3) NOT NULL,
    "digest" TEXT NOT NULL,
    "content" JSONB NOT NULL,

    CONSTRAINT "Inventory_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "PolicyVersion" (
    "id" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "version" INTEGER NOT NULL,
    "digest" TEXT NOT NULL,
    "content" JSONB NOT NULL,
    "appliedAt" TIMESTAMPTZ(3) NOT NULL,
    "appliedBy" TEXT NOT NULL,

    CONSTRAINT "PolicyVersion_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Advisory" (
    "clientId" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "readFrom" TEXT,
    "entries" JSONB,
    "unreadBecause" TEXT,
    "firstSeenAt" TIMESTAMPTZ(3) NOT NULL,
    "readAt" TIMESTAMPTZ(3),

    CONSTRAINT "Advisory_pkey" PRIMARY KEY ("clientId","source","version")
);

-- CreateTable
CREATE TABLE "Cycle" (
    "id" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "policyVersionId" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "advisory" TEXT,
    "trigger" TEXT NOT NULL,
    "startedBy" TEXT NOT NULL,
    "civilDate" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "startedAt" TIMESTAMPTZ(3) NOT NULL,
    "endedAt" TIMESTAMPTZ(3),
    "state" TEXT NOT NULL,
    "windows" JSONB NOT NULL,
    "policy" JSONB NOT NULL,

    CONSTRAINT "Cycle_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "CycleStep" (
    "cycleId" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "step" TEXT NOT NULL,
    "state" TEXT NOT NULL,
    "startedAt" TIMESTAMPTZ(3) NOT NULL,
    "endedAt" TIMESTAMPTZ(3),
    "because" TEXT[],

    CONSTRAINT "CycleStep_pkey" PRIMARY KEY ("cycleId","step")
);

-- CreateTable
CREATE TABLE "CycleEndpoint" (
    "cycleId" TEXT NOT NULL,
    "endpointId" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "siteId" TEXT NOT NULL,
    "segment" TEXT,
    "policyName" TEXT,
    "because" TEXT[],
    "online" BOOLEAN NOT NULL DEFAULT false,
    "surveyedAt" TIMESTAMPTZ(3),
    "silentBecause" TEXT,
    "ring" TEXT,
    "ringOrder" INTEGER,
    "ringBecause" TEXT[],
    "state" TEXT NOT NULL DEFAULT 'planned',
    "outcome" TEXT,
    "waitingFor" TEXT,
    "reasons" TEXT[],
    "deadlineAt" TIMESTAMPTZ(3),
    "startedAt" TIMESTAMPTZ(3),
    "endedAt" TIMESTAMPTZ(3),
    "generation" INTEGER,
    "bootIdBefore" TEXT,
    "bootIdAfter" TEXT,
    "snapshotId" TEXT,

    CONSTRAINT "CycleEndpoint_pkey" PRIMARY KEY ("cycleId","endpointId")
);

-- CreateTable
CREATE TABLE "CyclePatch" (
    "cycleId" TEXT NOT NULL,
    "endpointId" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "package" TEXT NOT NULL,
    "architecture" TEXT NOT NULL,
    "fromVersion" TEXT,
    "toVersion" TEXT NOT NULL,
    "source" TEXT NOT NULL,
    "sourceVersion" TEXT NOT NULL,
    "origins" TEXT[],
    "sizeBytes" INTEGER NOT NULL,
    "class" TEXT NOT NULL,
    "severity" TEXT NOT NULL,
    "cves" TEXT[],
    "exploited" JSONB NOT NULL,
    "publishedAt" TIMESTAMPTZ(3),
    "dueAt" TIMESTAMPTZ(3),
    "decision" TEXT NOT NULL,
    "rule" TEXT,
    "because" TEXT[],
    "proven" BOOLEAN,

    CONSTRAINT "CyclePatch_pkey" PRIMARY KEY ("cycleId","endpointId","package","architecture")
);

-- CreateTable
CREATE TABLE "SandboxTest" (
    "id" TEXT NOT NULL,
    "cycleId" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "segment" TEXT NOT NULL,
    "representative" TEXT NOT NULL,
    "attempt" INTEGER NOT NULL,
    "passed" BOOLEAN NOT NULL,
    "packagesAtFault" TEXT[],
    "because" TEXT[],
    "before" JSONB,
    "after" JSONB,
    "startedAt" TIMESTAMPTZ(3) NOT NULL,
    "endedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "SandboxTest_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ChangeRecord" (
    "id" TEXT NOT NULL,
    "cycleId" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "parentId" TEXT,
    "digest" TEXT NOT NULL,
    "content" JSONB NOT NULL,
    "writtenAt" TIMESTAMPTZ(3) NOT NULL,
    "personsAsked" INTEGER NOT NULL,

    CONSTRAINT "ChangeRecord_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Approval" (
    "changeRecordId" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "who" TEXT NOT NULL,
    "why" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "Approval_pkey" PRIMARY KEY ("changeRecordId","who")
);

-- CreateTable
CREATE TABLE "GateVerdict" (
    "id" TEXT NOT NULL,
    "cycleId" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "ring" TEXT NOT NULL,
    "verdict" TEXT NOT NULL,
    "numbers" JSONB NOT NULL,
    "because" TEXT[],
    "judgedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "GateVerdict_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "SnapshotRecord" (
    "id" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "cycleId" TEXT NOT NULL,
    "endpointId" TEXT NOT NULL,
    "takenAt" TIMESTAMPTZ(3),
    "verifiedAt" TIMESTAMPTZ(3),
    "keepUntilAt" TIMESTAMPTZ(3),
    "restoredAt" TIMESTAMPTZ(3),
    "evidenceOfFailedState" TEXT,
    "deletedAt" TIMESTAMPTZ(3),

    CONSTRAINT "SnapshotRecord_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Evidence" (
    "id" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "cycleId" TEXT NOT NULL,
    "endpointId" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "takenAt" TIMESTAMPTZ(3) NOT NULL,
    "digest" TEXT NOT NULL,
    "content" JSONB NOT NULL,

    CONSTRAINT "Evidence_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "NetworkScan" (
    "id" TEXT NOT NULL,
    "cycleId" TEXT NOT NULL,
    "siteId" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "cidr" TEXT NOT NULL,
    "found" INTEGER NOT NULL,
    "because" TEXT NOT NULL,
    "scannedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "NetworkScan_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "SoakCheck" (
    "cycleId" TEXT NOT NULL,
    "endpointId" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "ring" TEXT NOT NULL,
    "check" TEXT NOT NULL,
    "passed" BOOLEAN NOT NULL,
    "observed" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "SoakCheck_pkey" PRIMARY KEY ("cycleId","endpointId","check","at")
);

-- CreateTable
CREATE TABLE "Sighting" (
    "cycleId" TEXT NOT NULL,
    "siteId" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "address" TEXT NOT NULL,
    "macAddress" TEXT,
    "endpointId" TEXT,
    "seenAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "Sighting_pkey" PRIMARY KEY ("cycleId","siteId","address")
);

-- CreateTable
CREATE TABLE "Halt" (
    "id" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "cycleId" TEXT,
    "orderedBy" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "orderedAt" TIMESTAMPTZ(3) NOT NULL,
    "releasedBy" TEXT,
    "releasedAt" TIMESTAMPTZ(3),
    "releaseReason" TEXT,

    CONSTRAINT "Halt_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "OpenedWindow" (
    "id" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "cycleId" TEXT NOT NULL,
    "siteId" TEXT,
    "opensAt" TIMESTAMPTZ(3) NOT NULL,
    "closesAt" TIMESTAMPTZ(3) NOT NULL,
    "openedBy" TEXT NOT NULL,
    "reason" TEXT NOT NULL,

    CONSTRAINT "OpenedWindow_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "AuditEvent" (
    "clientId" TEXT NOT NULL,
    "sequence" INTEGER NOT NULL,
    "key" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "actor" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "because" TEXT[],
    "detail" JSONB NOT NULL,
    "previousHash" TEXT NOT NULL,
    "hash" TEXT NOT NULL,

    CONSTRAINT "AuditEvent_pkey" PRIMARY KEY ("clientId","sequence")
);

-- CreateIndex
CREATE UNIQUE INDEX "Site_clientId_name_key" ON "Site"("clientId", "name");

-- CreateIndex
CREATE UNIQUE INDEX "Endpoint_clientId_name_key" ON "Endpoint"("clientId", "name");

-- CreateIndex
CREATE INDEX "Inventory_clientId_endpointId_takenAt_idx" ON "Inventory"("clientId", "endpointId", "takenAt");

-- CreateIndex
CREATE INDEX "Inventory_cycleId_step_idx" ON "Inventory"("cycleId", "step");

-- CreateIndex
CREATE UNIQUE INDEX "PolicyVersion_clientId_name_version_key" ON "PolicyVersion"("clientId", "name", "version");

-- CreateIndex
CREATE INDEX "Cycle_clientId_startedAt_idx" ON "Cycle"("clientId", "startedAt");

-- CreateIndex
CREATE UNIQUE INDEX "Cycle_clientId_policyVersionId_kind_civilDate_number_key" ON "Cycle"("clientId", "policyVersionId", "kind", "civilDate", "number");

-- CreateIndex
CREATE INDEX "CycleEndpoint_clientId_siteId_state_idx" ON "CycleEndpoint"("clientId", "siteId", "state");

-- CreateIndex
CREATE INDEX "CyclePatch_clientId_cycleId_decision_idx" ON "CyclePatch"("clientId", "cycleId", "decision");

-- CreateIndex
CREATE INDEX "Evidence_clientId_cycleId_endpointId_idx" ON "Evidence"("clientId", "cycleId", "endpointId");

-- CreateIndex
CREATE UNIQUE INDEX "AuditEvent_clientId_key_key" ON "AuditEvent"("clientId", "key");

-- AddForeignKey
ALTER TABLE "Site" ADD CONSTRAINT "Site_clientId_fkey" FOREIGN KEY ("clientId") REFERENCES "Client"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Endpoint" ADD CONSTRAINT "Endpoint_clientId_fkey" FOREIGN KEY ("clientId") REFERENCES "Client"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Endpoint" ADD CONSTRAINT "Endpoint_siteId_fkey" FOREIGN KEY ("siteId") REFERENCES "Site"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "EnrolmentToken" ADD CONSTRAINT "EnrolmentToken_endpointId_fkey" FOREIGN KEY ("endpointId") REFERENCES "Endpoint"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Inventory" ADD CONSTRAINT "Inventory_endpointId_fkey" FOREIGN KEY ("endpointId") REFERENCES "Endpoint"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "PolicyVersion" ADD CONSTRAINT "PolicyVersion_clientId_fkey" FOREIGN KEY ("clientId") REFERENCES "Client"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Cycle" ADD CONSTRAINT "Cycle_clientId_fkey" FOREIGN KEY ("clientId") REFERENCES "Client"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Cycle" ADD CONSTRAINT "Cycle_policyVersionId_fkey" FOREIGN KEY ("policyVersionId") REFERENCES "PolicyVersion"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "CycleStep" ADD CONSTRAINT "CycleStep_cycleId_fkey" FOREIGN KEY ("cycleId") REFERENCES "Cycle"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "CycleEndpoint" ADD CONSTRAINT "CycleEndpoint_cycleId_fkey" FOREIGN KEY ("cycleId") REFERENCES "Cycle"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "CycleEndpoint" ADD CONSTRAINT "CycleEndpoint_endpointId_fkey" FOREIGN KEY ("endpointId") REFERENCES "Endpoint"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "CyclePatch" ADD CONSTRAINT "CyclePatch_cycleId_endpointId_fkey" FOREIGN KEY ("cycleId", "endpointId") REFERENCES "CycleEndpoint"("cycleId", "endpointId") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "SandboxTest" ADD CONSTRAINT "SandboxTest_cycleId_fkey" FOREIGN KEY ("cycleId") REFERENCES "Cycle"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ChangeRecord" ADD CONSTRAINT "ChangeRecord_cycleId_fkey" FOREIGN KEY ("cycleId") REFERENCES "Cycle"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Approval" ADD CONSTRAINT "Approval_changeRecordId_fkey" FOREIGN KEY ("changeRecordId") REFERENCES "ChangeRecord"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "GateVerdict" ADD CONSTRAINT "GateVerdict_cycleId_fkey" FOREIGN KEY ("cycleId") REFERENCES "Cycle"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Sighting" ADD CONSTRAINT "Sighting_cycleId_fkey" FOREIGN KEY ("cycleId") REFERENCES "Cycle"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
