/** Workflow code, bundled once in a process, with the context it runs in. */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import vm from 'node:vm';
import { type BundleOptions, DefaultLogger, bundleWorkflowCode } from '@temporalio/worker';
import { Sandbox } from './sandbox.ts';

export type WorkflowBundle = {
  readonly workflowsPath: string;
  readonly code: string;
  readonly sandbox: Sandbox;
};

export type BundleWish = {
  /** The file that exports the workflows; the product's own unless told. */
  readonly workflowsPath?: string;
  /** Other sources in the place of files, which are named from the project's folder: `domain/rollout/gate.ts`. */
  readonly replaced?: Readonly<Record<string, string>>;
};

type WebpackConfig = Parameters<NonNullable<BundleOptions['webpackConfigHook']>>[0];
type WebpackPlugin = Extract<NonNullable<WebpackConfig['plugins']>[number], { apply: unknown }>;

const projectFolder = fileURLToPath(new URL('../../..', import.meta.url));
const productsWorkflows = fileURLToPath(new URL('../../../workflows/index.ts', import.meta.url));
const bundles = new Map<string, Promise<WorkflowBundle>>();

/**
 * Bundles workflows as a worker does. The same wish again is answered from memory.
 * @throws Error when a file is to be replaced that the workflows do not import
 */
export function bundleOf(wish: BundleWish = {}): Promise<WorkflowBundle> {
  const key = JSON.stringify(wish);
  const known = bundles.get(key);
  if (known) return known;
  const bundle = makeBundle(wish);
  bundles.set(key, bundle);
  return bundle;
}

async function makeBundle({ workflowsPath = productsWorkflows, replaced = {} }: BundleWish): Promise<WorkflowBundle> {
  const met = new Set<string>();
  const { code } = await bundleWorkflowCode({
    workflowsPath,
    logger: new DefaultLogger('ERROR'),
    ...replacingSources(replaced, met),
    // Once for the context and not once for each workflow: the SDK's modules keep nothing of a workflow to themselves.
    preloadModules: ['@temporalio/workflow', workflowsPath],
  });
  const unmet = Object.keys(replaced).filter((name) => !met.has(name));
  if (unmet.length > 0) throw new Error(`The workflows do not import ${unmet.join(', ')}: nothing was replaced.`);
  const filename = 'workflow-bundle.js';
  const script = new vm.Script(withGlobalsAtHand(code), { filename });
  return { workflowsPath, code, sandbox: Sandbox.over(script, { code, filename }) };
}

const globalsAtHand =
  'Object, Promise, Symbol, Map, Set, WeakMap, Array, JSON, Error, TypeError, RangeError, Reflect, Proxy, String, Number, Boolean, RegExp, Uint8Array, ArrayBuffer, globalThis';

/** Node asks its own code for every global of a context. What nobody replaces is asked for once. */
function withGlobalsAtHand(code: string): string {
  const library = 'var __TEMPORAL__;';
  if (!code.startsWith(library)) throw new Error('The bundle does not begin as the SDK of this version begins it.');
  return `${library} ((${globalsAtHand}) => { ${code.slice(library.length)}\n})(${globalsAtHand});`;
}

/** Has a bundle made of other sources in the place of some files. @param met is given the names of those that were met */
export function replacingSources(
  replaced: Readonly<Record<string, string>>,
  met = new Set<string>(),
): Pick<BundleOptions, 'webpackConfigHook'> {
  const plugin = replacing(replaced, met);
  return { webpackConfigHook: (config) => ({ ...config, plugins: [...(config.plugins ?? []), plugin] }) };
}

function replacing(replaced: Readonly<Record<string, string>>, met: Set<string>): WebpackPlugin {
  return {
    apply(compiler) {
      compiler.hooks.compilation.tap('replacing', (compilation) => {
        const hooks = compiler.webpack.NormalModule.getCompilationHooks(compilation);
        // Plain files have no scheme, by which webpack keeps these hooks.
        const readFile = hooks.readResource.for(undefined);
        readFile.tapPromise({ name: 'replacing', stage: -1 }, async ({ resourcePath }) => {
          const name = relative(projectFolder, resourcePath);
          const source = replaced[name];
          if (source !== undefined) met.add(name);
          // Nothing means that the file itself is read, as by any plugin that does not care.
          return source as string;
        });
      });
    },
  };
}
