// Who may charge. This cloud keeps no list of tokens yet: every token that names something is accepted (free vend), one
// rule for Authorize and for transactions.
import type { RequestOf, ResponseOf } from '../../shared/io/ocpp-link-types.ts'

export function idTokenInfo(
  token: RequestOf<'Authorize'>['idToken'],
): ResponseOf<'Authorize'>['idTokenInfo'] {
  const named = token.idToken.trim().length > 0 || token.type === 'NoAuthorization'
  return { status: named ? 'Accepted' : 'Invalid' }
}
