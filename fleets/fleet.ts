/** What a fleet to try Patchcycle on can do, simulated or real: nothing above the agent knows which it is. */
import type { AgentAddress } from '../domain/endpoints/endpoint.ts';
import type { ClientFiles } from '../domain/policies/policy.ts';
import type { WrittenAgentConfiguration } from '../protocol/enrolment.ts';
import type { WorkerPlan } from '../embedded/supervisor.ts';

export interface Fleet {
  readonly kind: 'lab' | 'simulated';
  /** What it is, in a sentence. */
  readonly words: string;
  /** For PATCHCYCLE_FLEET. */
  readonly reference: string;
  /** Makes the fleet. Called again it makes what is missing. */
  up(files: ClientFiles, say: (line: string) => void): Promise<void>;
  /** Processes of the fleet itself that the supervisor keeps running. */
  processes(): readonly WorkerPlan[];
  /** The argv prefix by which a worker runs on a site's network. */
  commandInSite(site: string): readonly string[];
  /** Lets the sites reach the Temporal server of this machine, and nothing else. */
  openPassage(temporalPort: number): Promise<void>;
  /** Where a site's endpoints enrol: an address of the site's network. */
  enrolmentAddress(site: string): Promise<{ host: string; port: number }>;
  addressOf(endpoint: string): Promise<AgentAddress>;
  /** Tells its agent where it enrols, and whom it answers. */
  configureAgent(
    endpoint: string,
    configuration: Pick<WrittenAgentConfiguration, 'caller' | 'enrolment'>,
  ): Promise<void>;
  /** Whether its agent has a certificate: a machine that was rebuilt has none. */
  hasIdentity(endpoint: string): Promise<boolean>;
  power(endpoint: string, action: 'on' | 'off' | 'cut'): Promise<void>;
  /** Takes everything away that `up` made. */
  down(): Promise<void>;
}
