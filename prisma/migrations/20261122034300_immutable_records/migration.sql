-- What proves something may not be changed afterwards, by nobody: the audit trail and change records only grow.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% rows are never changed or removed', TG_TABLE_NAME;
END;
$$;

CREATE TRIGGER audit_event_is_append_only
  BEFORE UPDATE OR DELETE OR TRUNCATE ON "AuditEvent"
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER change_record_is_immutable
  BEFORE UPDATE OR DELETE OR TRUNCATE ON "ChangeRecord"
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER policy_version_is_immutable
  BEFORE UPDATE OR DELETE OR TRUNCATE ON "PolicyVersion"
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- An end and a wait exclude each other, and only an end has a time.
ALTER TABLE "CycleEndpoint" ADD CONSTRAINT cycle_endpoint_ends_or_waits CHECK (
  (outcome IS NULL OR "waitingFor" IS NULL) AND (outcome IS NULL OR "endedAt" IS NOT NULL)
);
