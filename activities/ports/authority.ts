/**
 * The provider's certificate authority: it says which endpoint is which, and who may call them.
 * Texts are PEM. An implementation keeps its key where only its owner reads it.
 */
export interface AuthorityPort {
  /** The authority's own certificate, which both sides trust. */
  certificate(): Promise<string>;
  /**
   * Signs an endpoint's request. The subject in the request is ignored: `endpointId` is what the certificate says.
   * Throws `RequestRefused` for a request that was not signed with its own key, and for a name that is not an endpoint's.
   */
  signEndpoint(request: {
    readonly endpointId: string;
    /** A PKCS#10 request. */
    readonly certificateRequest: string;
    readonly validityDays: number;
  }): Promise<string>;
  /** A key and a certificate with which workers call agents: those of one site, or those that name no caller. */
  issueControl(validityDays: number, siteId?: string): Promise<{ readonly key: string; readonly certificate: string }>;
  /** A key and a certificate for a server of ours that endpoints call (enrolment), under the names and addresses they use. */
  issueServer(server: {
    readonly name: string;
    readonly addresses: readonly string[];
    readonly validityDays: number;
  }): Promise<{ readonly key: string; readonly certificate: string }>;
}

export class RequestRefused extends Error {
  override readonly name = 'RequestRefused';
}
