import { z } from 'zod';

/** endoflife.date writes a civil date, or true and false where no date is known. */
const dateOrFlag = z.union([z.iso.date(), z.boolean()]);

/** The front matter of a product's page in endoflife.date's repository; `eol` ends security support, `eoes` the extended one. */
export const endOfLifeProductSchema = z.object({
  releases: z
    .array(
      z.object({
        releaseCycle: z.coerce.string(),
        eol: dateOrFlag,
        eoes: dateOrFlag.optional(),
      }),
    )
    .min(1),
});

const dateOrEmpty = z
  .union([z.iso.date(), z.literal('')])
  .optional()
  .transform((date) => (date ? date : null));

/** A row of distro-info-data: Debian has `eol-lts`, Ubuntu `eol-esm`, either may be missing at the end of a row. */
export const distroInfoRowSchema = z.object({
  version: z.string(),
  codename: z.string().min(1),
  series: z.string().min(1),
  eol: dateOrEmpty,
  'eol-lts': dateOrEmpty,
  'eol-esm': dateOrEmpty,
});
