-- AlterTable
ALTER TABLE "CycleEndpoint" ADD COLUMN     "earlierOutcome" TEXT,
ADD COLUMN     "escalatedAt" TIMESTAMPTZ(3),
ADD COLUMN     "expectation" JSONB,
ADD COLUMN     "installFromAt" TIMESTAMPTZ(3),
ADD COLUMN     "patchSetKind" TEXT,
ADD COLUMN     "patchesAtFault" TEXT[] DEFAULT ARRAY[]::TEXT[];

-- AlterTable
ALTER TABLE "Halt" ADD COLUMN     "scope" TEXT NOT NULL DEFAULT 'cycle',
ADD COLUMN     "subject" TEXT NOT NULL DEFAULT '';

-- Until now a halt was of a whole cycle.
UPDATE "Halt" SET "subject" = COALESCE("cycleId", "clientId");
ALTER TABLE "Halt" ALTER COLUMN "scope" DROP DEFAULT, ALTER COLUMN "subject" DROP DEFAULT;

-- AlterTable
ALTER TABLE "SnapshotRecord" ADD COLUMN     "because" TEXT[] DEFAULT ARRAY[]::TEXT[],
ADD COLUMN     "deletionOrderedAt" TIMESTAMPTZ(3),
ADD COLUMN     "missingSinceAt" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "Successor" (
    "id" TEXT NOT NULL,
    "cycleId" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "number" INTEGER NOT NULL,
    "parentId" TEXT NOT NULL,
    "because" TEXT[],
    "dropped" JSONB NOT NULL,
    "members" JSONB NOT NULL,
    "judgedAt" TIMESTAMPTZ(3) NOT NULL,
    "openedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Successor_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "PatchFailure" (
    "package" TEXT NOT NULL,
    "architecture" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "cycleId" TEXT NOT NULL,
    "endpointId" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "failedAt" TIMESTAMPTZ(3) NOT NULL,
    "blamed" BOOLEAN NOT NULL,

    CONSTRAINT "PatchFailure_pkey" PRIMARY KEY ("package","architecture","version","cycleId","endpointId")
);

-- CreateTable
CREATE TABLE "PatchBreaker" (
    "package" TEXT NOT NULL,
    "architecture" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "inForce" BOOLEAN NOT NULL,
    "stoppedAt" TIMESTAMPTZ(3),
    "because" TEXT[],
    "releasedAt" TIMESTAMPTZ(3),
    "releasedBy" TEXT,
    "releaseReason" TEXT,

    CONSTRAINT "PatchBreaker_pkey" PRIMARY KEY ("package","architecture","version")
);

-- CreateTable
CREATE TABLE "Leak" (
    "id" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "siteId" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "endpointId" TEXT,
    "because" TEXT NOT NULL,
    "foundAt" TIMESTAMPTZ(3) NOT NULL,
    "goneAt" TIMESTAMPTZ(3),

    CONSTRAINT "Leak_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "RollBackOrder" (
    "id" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "cycleId" TEXT NOT NULL,
    "scope" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "orderedBy" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "orderedAt" TIMESTAMPTZ(3) NOT NULL,
    "endedAt" TIMESTAMPTZ(3),
    "because" TEXT[],

    CONSTRAINT "RollBackOrder_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "Successor_clientId_idx" ON "Successor"("clientId");

-- CreateIndex
CREATE UNIQUE INDEX "Successor_cycleId_number_key" ON "Successor"("cycleId", "number");

-- CreateIndex
CREATE INDEX "PatchBreaker_inForce_idx" ON "PatchBreaker"("inForce");

-- CreateIndex
CREATE INDEX "Leak_clientId_idx" ON "Leak"("clientId");

-- CreateIndex
CREATE INDEX "RollBackOrder_clientId_cycleId_idx" ON "RollBackOrder"("clientId", "cycleId");

-- CreateIndex
CREATE INDEX "CycleEndpoint_clientId_patchSetKind_endedAt_idx" ON "CycleEndpoint"("clientId", "patchSetKind", "endedAt");

-- CreateIndex
CREATE INDEX "Halt_clientId_cycleId_idx" ON "Halt"("clientId", "cycleId");

-- CreateIndex
CREATE INDEX "SnapshotRecord_clientId_endpointId_idx" ON "SnapshotRecord"("clientId", "endpointId");
