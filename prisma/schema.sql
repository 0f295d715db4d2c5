-- What the migrations build, read from PostgreSQL's catalogue. Written by "npm run migrations -- dump"; never edited,
-- never applied: a test compares it with a migrated database.

-- functions

CREATE OR REPLACE FUNCTION public.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  RAISE EXCEPTION '% rows are never changed or removed', TG_TABLE_NAME;
END;
$function$;

-- tables

CREATE TABLE "Advisory" (
  "clientId" text NOT NULL,
  source text NOT NULL,
  version text NOT NULL,
  "readFrom" text,
  entries jsonb,
  "unreadBecause" text,
  "firstSeenAt" timestamp(3) with time zone NOT NULL,
  "readAt" timestamp(3) with time zone,
  CONSTRAINT "Advisory_pkey" PRIMARY KEY ("clientId", source, version)
);

CREATE TABLE "Approval" (
  "changeRecordId" text NOT NULL,
  "clientId" text NOT NULL,
  who text NOT NULL,
  why text NOT NULL,
  at timestamp(3) with time zone NOT NULL,
  CONSTRAINT "Approval_changeRecordId_fkey" FOREIGN KEY ("changeRecordId") REFERENCES "ChangeRecord"(id) ON UPDATE CASCADE ON DELETE RESTRICT,
  CONSTRAINT "Approval_pkey" PRIMARY KEY ("changeRecordId", who)
);

CREATE TABLE "AuditEvent" (
  "clientId" text NOT NULL,
  sequence integer NOT NULL,
  key text NOT NULL,
  at timestamp(3) with time zone NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  subject text NOT NULL,
  because text[],
  detail jsonb NOT NULL,
  "previousHash" text NOT NULL,
  hash text NOT NULL,
  CONSTRAINT "AuditEvent_pkey" PRIMARY KEY ("clientId", sequence)
);

CREATE TABLE "ChangeRecord" (
  id text NOT NULL,
  "cycleId" text NOT NULL,
  "clientId" text NOT NULL,
  "parentId" text,
  digest text NOT NULL,
  content jsonb NOT NULL,
  "writtenAt" timestamp(3) with time zone NOT NULL,
  "personsAsked" integer NOT NULL,
  CONSTRAINT "ChangeRecord_cycleId_fkey" FOREIGN KEY ("cycleId") REFERENCES "Cycle"(id) ON UPDATE CASCADE ON DELETE RESTRICT,
  CONSTRAINT "ChangeRecord_pkey" PRIMARY KEY (id)
);

CREATE TABLE "Client" (
  id text NOT NULL,
  name text NOT NULL,
  segments jsonb NOT NULL,
  "policyNames" text[],
  "appliedAt" timestamp(3) with time zone NOT NULL,
  CONSTRAINT "Client_pkey" PRIMARY KEY (id)
);

CREATE TABLE "Cycle" (
  id text NOT NULL,
  "clientId" text NOT NULL,
  "policyVersionId" text NOT NULL,
  kind text NOT NULL,
  advisory text,
  trigger text NOT NULL,
  "startedBy" text NOT NULL,
  "civilDate" text NOT NULL,
  number integer NOT NULL,
  "startedAt" timestamp(3) with time zone NOT NULL,
  "endedAt" timestamp(3) with time zone,
  state text NOT NULL,
  windows jsonb NOT NULL,
  policy jsonb NOT NULL,
  CONSTRAINT "Cycle_clientId_fkey" FOREIGN KEY ("clientId") REFERENCES "Client"(id) ON UPDATE CASCADE ON DELETE RESTRICT,
  CONSTRAINT "Cycle_pkey" PRIMARY KEY (id),
  CONSTRAINT "Cycle_policyVersionId_fkey" FOREIGN KEY ("policyVersionId") REFERENCES "PolicyVersion"(id) ON UPDATE CASCADE ON DELETE RESTRICT
);

CREATE TABLE "CycleEndpoint" (
  "cycleId" text NOT NULL,
  "endpointId" text NOT NULL,
  "clientId" text NOT NULL,
  "siteId" text NOT NULL,
  segment text,
  "policyName" text,
  because text[],
  online boolean NOT NULL DEFAULT false,
  "surveyedAt" timestamp(3) with time zone,
  "silentBecause" text,
  ring text,
  "ringOrder" integer,
  "ringBecause" text[],
  state text NOT NULL DEFAULT 'planned'::text,
  outcome text,
  "waitingFor" text,
  reasons text[],
  "deadlineAt" timestamp(3) with time zone,
  "startedAt" timestamp(3) with time zone,
  "endedAt" timestamp(3) with time zone,
  generation integer,
  "bootIdBefore" text,
  "bootIdAfter" text,
  "snapshotId" text,
  "earlierOutcome" text,
  "escalatedAt" timestamp(3) with time zone,
  expectation jsonb,
  "installFromAt" timestamp(3) with time zone,
  "patchSetKind" text,
  "patchesAtFault" text[] DEFAULT ARRAY[]::text[],
  "releaseReason" text,
  "releasedAt" timestamp(3) with time zone,
  "releasedBy" text,
  "rollBackOrderId" text,
  "skippedBy" text,
  CONSTRAINT "CycleEndpoint_cycleId_fkey" FOREIGN KEY ("cycleId") REFERENCES "Cycle"(id) ON UPDATE CASCADE ON DELETE RESTRICT,
  CONSTRAINT "CycleEndpoint_endpointId_fkey" FOREIGN KEY ("endpointId") REFERENCES "Endpoint"(id) ON UPDATE CASCADE ON DELETE RESTRICT,
  CONSTRAINT "CycleEndpoint_pkey" PRIMARY KEY ("cycleId", "endpointId"),
  CONSTRAINT cycle_endpoint_ends_or_waits CHECK ((((outcome IS NULL) OR ("waitingFor" IS NULL)) AND ((outcome IS NULL) OR ("endedAt" IS NOT NULL))))
);

CREATE TABLE "CyclePatch" (
  "cycleId" text NOT NULL,
  "endpointId" text NOT NULL,
  "clientId" text NOT NULL,
  package text NOT NULL,
  architecture text NOT NULL,
  "fromVersion" text,
  "toVersion" text NOT NULL,
  source text NOT NULL,
  "sourceVersion" text NOT NULL,
  origins text[],
  "sizeBytes" integer NOT NULL,
  class text NOT NULL,
  severity text NOT NULL,
  cves text[],
  exploited jsonb NOT NULL,
  "publishedAt" timestamp(3) with time zone,
  "dueAt" timestamp(3) with time zone,
  decision text NOT NULL,
  rule text,
  because text[],
  proven boolean,
  CONSTRAINT "CyclePatch_cycleId_endpointId_fkey" FOREIGN KEY ("cycleId", "endpointId") REFERENCES "CycleEndpoint"("cycleId", "endpointId") ON UPDATE CASCADE ON DELETE RESTRICT,
  CONSTRAINT "CyclePatch_pkey" PRIMARY KEY ("cycleId", "endpointId", package, architecture)
);

CREATE TABLE "CycleStep" (
  "cycleId" text NOT NULL,
  "clientId" text NOT NULL,
  step text NOT NULL,
  state text NOT NULL,
  "startedAt" timestamp(3) with time zone NOT NULL,
  "endedAt" timestamp(3) with time zone,
  because text[],
  CONSTRAINT "CycleStep_cycleId_fkey" FOREIGN KEY ("cycleId") REFERENCES "Cycle"(id) ON UPDATE CASCADE ON DELETE RESTRICT,
  CONSTRAINT "CycleStep_pkey" PRIMARY KEY ("cycleId", step)
);

CREATE TABLE "Endpoint" (
  id text NOT NULL,
  "clientId" text NOT NULL,
  "siteId" text NOT NULL,
  name text NOT NULL,
  role text,
  criticality text NOT NULL,
  owner text,
  "redundancyGroup" text,
  tags text[],
  address jsonb,
  generation integer NOT NULL DEFAULT 1,
  "enrolledAt" timestamp(3) with time zone,
  "retiredAt" timestamp(3) with time zone,
  "lastSeenAt" timestamp(3) with time zone,
  CONSTRAINT "Endpoint_clientId_fkey" FOREIGN KEY ("clientId") REFERENCES "Client"(id) ON UPDATE CASCADE ON DELETE RESTRICT,
  CONSTRAINT "Endpoint_pkey" PRIMARY KEY (id),
  CONSTRAINT "Endpoint_siteId_fkey" FOREIGN KEY ("siteId") REFERENCES "Site"(id) ON UPDATE CASCADE ON DELETE RESTRICT
);

CREATE TABLE "EnrolmentToken" (
  "tokenDigest" text NOT NULL,
  "clientId" text NOT NULL,
  "endpointId" text NOT NULL,
  "createdAt" timestamp(3) with time zone NOT NULL,
  "expiresAt" timestamp(3) with time zone NOT NULL,
  "usedAt" timestamp(3) with time zone,
  "requestDigest" text,
  certificate text,
  CONSTRAINT "EnrolmentToken_endpointId_fkey" FOREIGN KEY ("endpointId") REFERENCES "Endpoint"(id) ON UPDATE CASCADE ON DELETE RESTRICT,
  CONSTRAINT "EnrolmentToken_pkey" PRIMARY KEY ("tokenDigest")
);

CREATE TABLE "Evidence" (
  id text NOT NULL,
  "clientId" text NOT NULL,
  "cycleId" text NOT NULL,
  "endpointId" text NOT NULL,
  kind text NOT NULL,
  "takenAt" timestamp(3) with time zone NOT NULL,
  digest text NOT NULL,
  content jsonb NOT NULL,
  CONSTRAINT "Evidence_pkey" PRIMARY KEY (id)
);

CREATE TABLE "GateVerdict" (
  id text NOT NULL,
  "cycleId" text NOT NULL,
  "clientId" text NOT NULL,
  ring text NOT NULL,
  verdict text NOT NULL,
  numbers jsonb NOT NULL,
  because text[],
  "judgedAt" timestamp(3) with time zone NOT NULL,
  CONSTRAINT "GateVerdict_cycleId_fkey" FOREIGN KEY ("cycleId") REFERENCES "Cycle"(id) ON UPDATE CASCADE ON DELETE RESTRICT,
  CONSTRAINT "GateVerdict_pkey" PRIMARY KEY (id)
);

CREATE TABLE "Halt" (
  id text NOT NULL,
  "clientId" text NOT NULL,
  "cycleId" text,
  "orderedBy" text NOT NULL,
  reason text NOT NULL,
  "orderedAt" timestamp(3) with time zone NOT NULL,
  "releasedBy" text,
  "releasedAt" timestamp(3) with time zone,
  "releaseReason" text,
  scope text NOT NULL,
  subject text NOT NULL,
  CONSTRAINT "Halt_pkey" PRIMARY KEY (id)
);

CREATE TABLE "Inventory" (
  id text NOT NULL,
  "clientId" text NOT NULL,
  "endpointId" text NOT NULL,
  "cycleId" text NOT NULL,
  step text NOT NULL,
  "takenAt" timestamp(3) with time zone NOT NULL,
  digest text NOT NULL,
  content jsonb NOT NULL,
  CONSTRAINT "Inventory_endpointId_fkey" FOREIGN KEY ("endpointId") REFERENCES "Endpoint"(id) ON UPDATE CASCADE ON DELETE RESTRICT,
  CONSTRAINT "Inventory_pkey" PRIMARY KEY (id)
);

CREATE TABLE "Leak" (
  id text NOT NULL,
  "clientId" text NOT NULL,
  "siteId" text NOT NULL,
  kind text NOT NULL,
  name text NOT NULL,
  "endpointId" text,
  because text NOT NULL,
  "foundAt" timestamp(3) with time zone NOT NULL,
  "goneAt" timestamp(3) with time zone,
  CONSTRAINT "Leak_pkey" PRIMARY KEY (id)
);

CREATE TABLE "NetworkScan" (
  id text NOT NULL,
  "cycleId" text NOT NULL,
  "siteId" text NOT NULL,
  "clientId" text NOT NULL,
  cidr text NOT NULL,
  found integer NOT NULL,
  because text NOT NULL,
  "scannedAt" timestamp(3) with time zone NOT NULL,
  CONSTRAINT "NetworkScan_pkey" PRIMARY KEY (id)
);

CREATE TABLE "OpenedWindow" (
  id text NOT NULL,
  "clientId" text NOT NULL,
  "cycleId" text NOT NULL,
  "siteId" text,
  "opensAt" timestamp(3) with time zone NOT NULL,
  "closesAt" timestamp(3) with time zone NOT NULL,
  "openedBy" text NOT NULL,
  reason text NOT NULL,
  CONSTRAINT "OpenedWindow_pkey" PRIMARY KEY (id)
);

CREATE TABLE "PatchBreaker" (
  package text NOT NULL,
  architecture text NOT NULL,
  version text NOT NULL,
  "inForce" boolean NOT NULL,
  "stoppedAt" timestamp(3) with time zone,
  because text[],
  "releasedAt" timestamp(3) with time zone,
  "releasedBy" text,
  "releaseReason" text,
  CONSTRAINT "PatchBreaker_pkey" PRIMARY KEY (package, architecture, version)
);

CREATE TABLE "PatchFailure" (
  package text NOT NULL,
  architecture text NOT NULL,
  version text NOT NULL,
  "cycleId" text NOT NULL,
  "endpointId" text NOT NULL,
  "clientId" text NOT NULL,
  "failedAt" timestamp(3) with time zone NOT NULL,
  blamed boolean NOT NULL,
  CONSTRAINT "PatchFailure_pkey" PRIMARY KEY (package, architecture, version, "cycleId", "endpointId")
);

CREATE TABLE "PolicyVersion" (
  id text NOT NULL,
  "clientId" text NOT NULL,
  name text NOT NULL,
  version integer NOT NULL,
  digest text NOT NULL,
  content jsonb NOT NULL,
  "appliedAt" timestamp(3) with time zone NOT NULL,
  "appliedBy" text NOT NULL,
  CONSTRAINT "PolicyVersion_clientId_fkey" FOREIGN KEY ("clientId") REFERENCES "Client"(id) ON UPDATE CASCADE ON DELETE RESTRICT,
  CONSTRAINT "PolicyVersion_pkey" PRIMARY KEY (id)
);

CREATE TABLE "RollBackOrder" (
  id text NOT NULL,
  "clientId" text NOT NULL,
  "cycleId" text NOT NULL,
  scope text NOT NULL,
  subject text NOT NULL,
  "orderedBy" text NOT NULL,
  reason text NOT NULL,
  "orderedAt" timestamp(3) with time zone NOT NULL,
  "endedAt" timestamp(3) with time zone,
  because text[],
  CONSTRAINT "RollBackOrder_pkey" PRIMARY KEY (id)
);

CREATE TABLE "SandboxTest" (
  id text NOT NULL,
  "cycleId" text NOT NULL,
  "clientId" text NOT NULL,
  segment text NOT NULL,
  representative text NOT NULL,
  attempt integer NOT NULL,
  passed boolean NOT NULL,
  "packagesAtFault" text[],
  because text[],
  before jsonb,
  after jsonb,
  "startedAt" timestamp(3) with time zone NOT NULL,
  "endedAt" timestamp(3) with time zone NOT NULL,
  CONSTRAINT "SandboxTest_cycleId_fkey" FOREIGN KEY ("cycleId") REFERENCES "Cycle"(id) ON UPDATE CASCADE ON DELETE RESTRICT,
  CONSTRAINT "SandboxTest_pkey" PRIMARY KEY (id)
);

CREATE TABLE "Sighting" (
  "cycleId" text NOT NULL,
  "siteId" text NOT NULL,
  "clientId" text NOT NULL,
  address text NOT NULL,
  "macAddress" text,
  "endpointId" text,
  "seenAt" timestamp(3) with time zone NOT NULL,
  CONSTRAINT "Sighting_cycleId_fkey" FOREIGN KEY ("cycleId") REFERENCES "Cycle"(id) ON UPDATE CASCADE ON DELETE RESTRICT,
  CONSTRAINT "Sighting_pkey" PRIMARY KEY ("cycleId", "siteId", address)
);

CREATE TABLE "Site" (
  id text NOT NULL,
  "clientId" text NOT NULL,
  name text NOT NULL,
  "timeZone" text NOT NULL,
  networks jsonb NOT NULL,
  budget jsonb,
  blackouts jsonb NOT NULL,
  "retiredAt" timestamp(3) with time zone,
  CONSTRAINT "Site_clientId_fkey" FOREIGN KEY ("clientId") REFERENCES "Client"(id) ON UPDATE CASCADE ON DELETE RESTRICT,
  CONSTRAINT "Site_pkey" PRIMARY KEY (id)
);

CREATE TABLE "SkippedPatch" (
  "cycleId" text NOT NULL,
  "clientId" text NOT NULL,
  package text NOT NULL,
  architecture text NOT NULL,
  version text NOT NULL,
  "skippedBy" text NOT NULL,
  reason text NOT NULL,
  "skippedAt" timestamp(3) with time zone NOT NULL,
  CONSTRAINT "SkippedPatch_pkey" PRIMARY KEY ("cycleId", package, architecture, version)
);

CREATE TABLE "SnapshotRecord" (
  id text NOT NULL,
  "clientId" text NOT NULL,
  "cycleId" text NOT NULL,
  "endpointId" text NOT NULL,
  "takenAt" timestamp(3) with time zone,
  "verifiedAt" timestamp(3) with time zone,
  "keepUntilAt" timestamp(3) with time zone,
  "restoredAt" timestamp(3) with time zone,
  "evidenceOfFailedState" text,
  "deletedAt" timestamp(3) with time zone,
  because text[] DEFAULT ARRAY[]::text[],
  "deletionOrderedAt" timestamp(3) with time zone,
  "missingSinceAt" timestamp(3) with time zone,
  CONSTRAINT "SnapshotRecord_pkey" PRIMARY KEY (id)
);

CREATE TABLE "SoakCheck" (
  "cycleId" text NOT NULL,
  "endpointId" text NOT NULL,
  "clientId" text NOT NULL,
  ring text NOT NULL,
  "check" text NOT NULL,
  passed boolean NOT NULL,
  observed text NOT NULL,
  at timestamp(3) with time zone NOT NULL,
  CONSTRAINT "SoakCheck_pkey" PRIMARY KEY ("cycleId", "endpointId", "check", at)
);

CREATE TABLE "Successor" (
  id text NOT NULL,
  "cycleId" text NOT NULL,
  "clientId" text NOT NULL,
  number integer NOT NULL,
  "parentId" text NOT NULL,
  because text[],
  dropped jsonb NOT NULL,
  members jsonb NOT NULL,
  "judgedAt" timestamp(3) with time zone NOT NULL,
  "openedAt" timestamp(3) with time zone,
  CONSTRAINT "Successor_pkey" PRIMARY KEY (id)
);

-- indexes

CREATE UNIQUE INDEX "AuditEvent_clientId_key_key" ON public."AuditEvent" USING btree ("clientId", key);

CREATE UNIQUE INDEX "Cycle_clientId_policyVersionId_kind_civilDate_number_key" ON public."Cycle" USING btree ("clientId", "policyVersionId", kind, "civilDate", number);

CREATE INDEX "Cycle_clientId_startedAt_idx" ON public."Cycle" USING btree ("clientId", "startedAt");

CREATE INDEX "CycleEndpoint_clientId_patchSetKind_endedAt_idx" ON public."CycleEndpoint" USING btree ("clientId", "patchSetKind", "endedAt");

CREATE INDEX "CycleEndpoint_clientId_siteId_state_idx" ON public."CycleEndpoint" USING btree ("clientId", "siteId", state);

CREATE INDEX "CyclePatch_clientId_cycleId_decision_idx" ON public."CyclePatch" USING btree ("clientId", "cycleId", decision);

CREATE UNIQUE INDEX "Endpoint_clientId_name_key" ON public."Endpoint" USING btree ("clientId", name);

CREATE INDEX "Evidence_clientId_cycleId_endpointId_idx" ON public."Evidence" USING btree ("clientId", "cycleId", "endpointId");

CREATE INDEX "Halt_clientId_cycleId_idx" ON public."Halt" USING btree ("clientId", "cycleId");

CREATE INDEX "Inventory_clientId_endpointId_takenAt_idx" ON public."Inventory" USING btree ("clientId", "endpointId", "takenAt");

CREATE INDEX "Inventory_cycleId_step_idx" ON public."Inventory" USING btree ("cycleId", step);

CREATE INDEX "Leak_clientId_idx" ON public."Leak" USING btree ("clientId");

CREATE INDEX "PatchBreaker_inForce_idx" ON public."PatchBreaker" USING btree ("inForce");

CREATE UNIQUE INDEX "PolicyVersion_clientId_name_version_key" ON public."PolicyVersion" USING btree ("clientId", name, version);

CREATE INDEX "RollBackOrder_clientId_cycleId_idx" ON public."RollBackOrder" USING btree ("clientId", "cycleId");

CREATE UNIQUE INDEX "Site_clientId_name_key" ON public."Site" USING btree ("clientId", name);

CREATE INDEX "SkippedPatch_clientId_idx" ON public."SkippedPatch" USING btree ("clientId");

CREATE INDEX "SnapshotRecord_clientId_endpointId_idx" ON public."SnapshotRecord" USING btree ("clientId", "endpointId");

CREATE INDEX "Successor_clientId_idx" ON public."Successor" USING btree ("clientId");

CREATE UNIQUE INDEX "Successor_cycleId_number_key" ON public."Successor" USING btree ("cycleId", number);

-- triggers

CREATE TRIGGER audit_event_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public."AuditEvent" FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER change_record_is_immutable BEFORE DELETE OR UPDATE OR TRUNCATE ON public."ChangeRecord" FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER policy_version_is_immutable BEFORE DELETE OR UPDATE OR TRUNCATE ON public."PolicyVersion" FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
