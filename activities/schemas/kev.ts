import { z } from 'zod';

const cveId = z.string().regex(/^CVE-\d{4}-\d{4,}$/, 'must be a CVE id');

/** CISA's catalogue as its own schema file describes it, or a planted file of the same shape. Fields we do not use pass. */
export const kevCatalogueSchema = z.object({
  title: z.string().min(1),
  catalogVersion: z.string().min(1),
  vulnerabilities: z.array(
    z.object({
      cveID: cveId,
      vulnerabilityName: z.string(),
      dateAdded: z.iso.date(),
      dueDate: z.iso.date(),
      requiredAction: z.string(),
      knownRansomwareCampaignUse: z.string().optional(),
    }),
  ),
  /** Present in planted files only: who planted it, and for what. */
  plantedBy: z.string().min(1).optional(),
});
export type KevCatalogue = z.infer<typeof kevCatalogueSchema>;
