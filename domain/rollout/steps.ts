export const steps = [
  'discovery',
  'categorization',
  'policy',
  'monitoring',
  'testing',
  'change record',
  'rollout',
  'audit',
  'report',
  'review',
] as const;

export type Step = (typeof steps)[number];
