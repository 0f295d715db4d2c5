import { fileURLToPath } from 'node:url';

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Three short shell programs, for what must go on when the process that started it is gone. */
export const scripts = {
  enter: path('enter.sh'),
  supply: path('supply.sh'),
  thaw: path('thaw.sh'),
} as const;
