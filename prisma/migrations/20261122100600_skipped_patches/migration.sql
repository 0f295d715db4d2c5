-- CreateTable
CREATE TABLE "SkippedPatch" (
    "cycleId" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "package" TEXT NOT NULL,
    "architecture" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "skippedBy" TEXT NOT NULL,
    "reason" TEXT NOT NULL,
    "skippedAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "SkippedPatch_pkey" PRIMARY KEY ("cycleId","package","architecture","version")
);

-- CreateIndex
CREATE INDEX "SkippedPatch_clientId_idx" ON "SkippedPatch"("clientId");
