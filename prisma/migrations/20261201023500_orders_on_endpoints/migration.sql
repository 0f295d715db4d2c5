-- AlterTable
ALTER TABLE "CycleEndpoint" ADD COLUMN     "rollBackOrderId" TEXT,
ADD COLUMN     "skippedBy" TEXT;

-- What stood among the reasons as a sentence so far is kept, where it can be read: the order that is at work on an
-- endpoint, and who took an endpoint out of its cycle.
UPDATE "CycleEndpoint" SET "rollBackOrderId" = (
  SELECT substring(reason FROM '\((rollback/[^()]*)\)$')
  FROM unnest("reasons") WITH ORDINALITY AS said(reason, place)
  WHERE reason LIKE 'is put back by order of %' ORDER BY place DESC LIMIT 1
) WHERE "state" = 'rolling back';

UPDATE "CycleEndpoint" SET "skippedBy" = substring("reasons"[1] FROM '^skipped by ([^:]+): ')
WHERE "outcome" = 'skipped';
