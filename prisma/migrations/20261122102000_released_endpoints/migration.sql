-- AlterTable
ALTER TABLE "CycleEndpoint" ADD COLUMN     "releaseReason" TEXT,
ADD COLUMN     "releasedAt" TIMESTAMPTZ(3),
ADD COLUMN     "releasedBy" TEXT;
