import { defineConfig } from 'prisma/config';

const url = process.env['DATABASE_URL'];

/** For Prisma's own tools; the product reads its configuration in workers/. Generating needs no database. */
export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  ...(url === undefined ? {} : { datasource: { url } }),
});
